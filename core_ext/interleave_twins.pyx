"""The images of a global state under permutations of interchangeable actors, and the least one, which stands for all.

What a local state, an event or a history becomes is asked of the world once per permutation; here they are numbers.
Since every image of a state has the same images, the least vector among them is the same for all (Ip and Dill, "Better
verification through symmetry", 1996).
"""

from libc.stdint cimport int32_t
from libc.stdlib cimport free, realloc

from core_ext.interleave_steps cimport FIFO, HEADER, LocalSteps, Message
from core_ext.interleave_tables cimport Ints


cdef class Twins:
    """The permutations of one model, without the one that moves nothing.

    Args:
        world: answers ``twin_local(permutation, number)``, ``twin_event(...)`` and ``twin_history(...)`` with numbers.
        places: per permutation, where the actor of each place goes.
    """

    def __cinit__(self, world, list places):
        self.world = world
        self.count = len(places)
        self.places = []
        self.locals = [Ints() for _ in places]
        self.events = [Ints() for _ in places]
        self.histories = [Ints() for _ in places]
        for moved in places:
            row = Ints()
            for place in moved:
                (<Ints>row).add(place)
            self.places.append(row)

    def __dealloc__(self):
        free(self.image)
        free(self.least)

    cdef int reserve(self, Py_ssize_t length) except -1:
        cdef Py_ssize_t room = 2 * length + 64
        cdef int32_t* image
        cdef int32_t* least
        if length <= self.room:
            return 0
        image = <int32_t*>realloc(self.image, room * sizeof(int32_t))
        if image != NULL:
            self.image = image
        least = <int32_t*>realloc(self.least, room * sizeof(int32_t))
        if least != NULL:
            self.least = least
        if image == NULL or least == NULL:
            raise MemoryError("no memory for a global state")
        self.room = room
        return 0

    cdef int32_t known(self, Py_ssize_t number, list tables, int32_t value, str kind) except -1:
        """What a number becomes; asked for once."""
        cdef Ints table = <Ints>tables[number]
        cdef int32_t found
        while table.count <= value:
            table.add(-1)
        found = table.data[value]
        if found < 0:
            found = getattr(self.world, kind)(number, value)
            table.data[value] = found
        return found

    cdef int of_actors(self, LocalSteps engine, const int32_t* v, Py_ssize_t number) except -1:
        """Actors, history and counters of an image."""
        cdef Ints places = <Ints>self.places[number]
        cdef Ints table = <Ints>self.locals[number]
        cdef Py_ssize_t slot
        cdef int32_t local
        for slot in range(engine.slots):
            local = v[slot]
            if local < table.count and table.data[local] >= 0:
                self.image[places.data[slot]] = table.data[local]
            else:
                self.image[places.data[slot]] = self.known(number, self.locals, local, "twin_local")
        self.image[engine.slots] = self.known(number, self.histories, v[engine.slots], "twin_history")
        for slot in range(engine.slots + 1, engine.slots + HEADER):
            self.image[slot] = v[slot]
        return 0

    cdef int of_messages(self, LocalSteps engine, const int32_t* v, Py_ssize_t length, Py_ssize_t number) except -1:
        """Messages of an image, in the order that vectors have."""
        cdef Ints table = <Ints>self.events[number]
        cdef Py_ssize_t first = engine.slots + HEADER
        cdef Py_ssize_t i, place
        cdef int32_t event, other
        cdef Message* messages
        for i in range(first, length):
            event = v[i]
            if event < table.count and table.data[event] >= 0:
                event = table.data[event]
            else:
                event = self.known(number, self.events, event, "twin_event")
            messages = engine.messages  # asking may have moved it
            place = i
            while place > first:
                other = self.image[place - 1]
                if messages[other].channel < messages[event].channel:
                    break
                if messages[other].channel == messages[event].channel and (
                    messages[event].flags & FIFO or other <= event
                ):
                    break
                self.image[place] = other
                place -= 1
            self.image[place] = event
        return 0

    cdef const int32_t* twin(
        self, LocalSteps engine, const int32_t* v, Py_ssize_t length, Py_ssize_t number
    ) except NULL:
        """One image, until the next one is asked for."""
        self.reserve(length)
        self.of_actors(engine, v, number)
        self.of_messages(engine, v, length, number)
        return self.image

    cdef const int32_t* representative(self, LocalSteps engine, const int32_t* v, Py_ssize_t length) except NULL:
        """The least image; ``v`` itself where that is it."""
        cdef const int32_t* best = v
        cdef int32_t* spare
        cdef Py_ssize_t number
        cdef int order
        self.reserve(length)
        for number in range(self.count):
            self.of_actors(engine, v, number)
            order = compared(self.image, best, engine.slots + HEADER)
            if order > 0:
                continue
            self.of_messages(engine, v, length, number)
            if order < 0 or compared(
                self.image + engine.slots + HEADER, best + engine.slots + HEADER, length - engine.slots - HEADER
            ) < 0:
                spare = self.least
                self.least = self.image
                self.image = spare
                best = self.least
        return best

    def image_of(self, LocalSteps engine not None, tuple state, Py_ssize_t number):
        """One image of a state.

        Args:
            engine: whose numbers they are.
            state: a vector.
            number: of the permutation.
        """
        cdef Py_ssize_t length = len(state)
        cdef Ints v = Ints()
        cdef Py_ssize_t i
        if not 0 <= number < self.count or length < engine.slots + HEADER:
            raise IndexError(f"image {number} of {self.count}, of a vector of {length} numbers")
        for part in state:
            v.add(part)
        self.twin(engine, v.data, length, number)
        return tuple([self.image[i] for i in range(length)])


cdef int compared(const int32_t* one, const int32_t* other, Py_ssize_t count) noexcept:
    """Which comes first: below, above or 0."""
    cdef Py_ssize_t i
    for i in range(count):
        if one[i] != other[i]:
            return -1 if one[i] < other[i] else 1
    return 0
