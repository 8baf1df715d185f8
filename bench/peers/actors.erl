%% Erlang/OTP: tell, ask and spawn within one node, tell and ask between two.
%% usage: erl ... -run actors main WHAT SECONDS [NODE]; prints one JSON object.
-module(actors).
-export([main/1, counter/1, echo/0, idle/0]).

-define(CHUNK, 20000).
-define(SPAWNS, 200000).
-define(START_TRIES, 500).  % 10 s in all
-define(START_STEP, 20).  % milliseconds

%% The other node, when it has started; it may not even be known to the name server yet.
started(Node, 0) -> erlang:error({not_started, Node});
started(Node, Tries) ->
    case net_adm:ping(Node) =:= pong andalso rpc:call(Node, init, get_status, []) of
        {started, _} -> Node;
        _ -> timer:sleep(?START_STEP), started(Node, Tries - 1)
    end.

main([What, Seconds | Rest]) ->
    Deadline = list_to_integer(Seconds) * 1000000,
    Node = case Rest of [Name] -> started(list_to_atom(Name), ?START_TRIES); [] -> node() end,
    Chunk = chunk(What, Node),
    Start = erlang:monotonic_time(microsecond),
    Done = repeat(Chunk, Start, Deadline, 0),
    Took = erlang:monotonic_time(microsecond) - Start,
    io:format("{\"value\": ~w}~n", [Done * 1000000 / Took]),
    case Node =:= node() of false -> rpc:call(Node, init, stop, []); true -> ok end,
    halt(0).

%% What is repeated until the time is over; each call returns how much it did.
chunk("tell", Node) ->
    Counter = spawn(Node, ?MODULE, counter, [0]),
    fun() -> tell(Counter, ?CHUNK), Counter ! {total, self()}, receive {total, _} -> ?CHUNK end end;
chunk("ask", Node) ->
    Echo = spawn(Node, ?MODULE, echo, []),
    fun() -> ask(Echo, 1000), 1000 end;
chunk("spawn", Node) ->
    fun() -> [spawn(Node, ?MODULE, idle, []) || _ <- lists:seq(1, ?SPAWNS)], ?SPAWNS end.

repeat(Chunk, Start, Deadline, Done) ->
    case erlang:monotonic_time(microsecond) - Start > Deadline andalso Done > 0 of
        true -> Done;
        false -> repeat(Chunk, Start, Deadline, Done + Chunk())
    end.

tell(_, 0) -> ok;
tell(Counter, N) -> Counter ! {add, 1}, tell(Counter, N - 1).

ask(_, 0) -> ok;
ask(Echo, N) -> Echo ! {self(), N}, receive N -> ask(Echo, N - 1) end.

counter(Total) ->
    receive
        {add, Amount} -> counter(Total + Amount);
        {total, Asker} -> Asker ! {total, Total}, counter(Total)
    end.

echo() -> receive {From, Message} -> From ! Message, echo() end.

idle() -> receive stop -> ok end.
