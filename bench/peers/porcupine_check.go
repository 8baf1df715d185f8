// Judges a history in our JSON lines with Porcupine: reads, checks, prints one JSON object with the check's time alone.
// Built by porcupine.py, which says where Porcupine's module is.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"hash/maphash"
	"math"
	"os"
	"time"

	"github.com/anishathalye/porcupine"
)

type event struct {
	Process int             `json:"process"`
	Type    string          `json:"type"`
	F       string          `json:"f"`
	Key     string          `json:"key"`
	Value   json.RawMessage `json:"value"`
	Result  *bool           `json:"result"`
}

type input struct {
	f, key   string
	value    string
	old, new string
}

type output struct {
	known   bool
	value   string
	changed bool
}

const absent = "null"

var seed = maphash.MakeSeed()

// a value as text: strings bare, so that append is what a user would write; everything else as JSON
func text(raw json.RawMessage) string {
	if len(raw) == 0 {
		return absent
	}
	var plain string
	if json.Unmarshal(raw, &plain) == nil && string(raw) != absent {
		return plain
	}
	return string(raw)
}

func step(state, in, out interface{}) (bool, interface{}) {
	asked, answer, value := in.(input), out.(output), state.(string)
	switch asked.f {
	case "read", "get":
		return !answer.known || answer.value == value, state
	case "write", "put":
		return true, asked.value
	case "append":
		if value == absent {
			return true, asked.value
		}
		return true, value + asked.value
	case "cas":
		same := value == asked.old
		if answer.known && same != answer.changed {
			return false, state
		}
		if same {
			return true, asked.new
		}
		return true, state
	}
	fmt.Fprintln(os.Stderr, "unknown f", asked.f)
	os.Exit(2)
	return false, nil
}

func partition(history []porcupine.Operation) [][]porcupine.Operation {
	keys := make(map[string]int)
	var parts [][]porcupine.Operation
	for _, one := range history {
		key := one.Input.(input).key
		number, found := keys[key]
		if !found {
			number = len(parts)
			keys[key] = number
			parts = append(parts, nil)
		}
		parts[number] = append(parts[number], one)
	}
	return parts
}

func read(path string) []porcupine.Operation {
	file, err := os.Open(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	defer file.Close()
	var operations []porcupine.Operation
	opened := make(map[int]int)
	failed := make(map[int]bool)
	lines := bufio.NewScanner(file)
	lines.Buffer(make([]byte, 1<<20), 1<<24)
	for at := int64(1); lines.Scan(); at++ {
		var one event
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		switch one.Type {
		case "invoke":
			asked := input{f: one.F, key: one.Key}
			if one.F == "cas" {
				var pair []json.RawMessage
				if json.Unmarshal(one.Value, &pair) != nil || len(pair) != 2 {
					os.Exit(2)
				}
				asked.old, asked.new = text(pair[0]), text(pair[1])
			} else {
				asked.value = text(one.Value)
			}
			opened[one.Process] = len(operations)
			operations = append(operations, porcupine.Operation{
				ClientId: one.Process, Input: asked, Call: at, Output: output{}, Return: math.MaxInt64,
			})
		case "ok":
			number := opened[one.Process]
			operations[number].Return = at
			operations[number].Output = output{true, text(one.Value), one.Result == nil || *one.Result}
		case "fail":
			failed[opened[one.Process]] = true
		}
	}
	kept := operations[:0]
	for number, one := range operations {
		if !failed[number] {
			kept = append(kept, one)
		}
	}
	return kept
}

func main() {
	path := flag.String("history", "", "the file")
	rounds := flag.Int("rounds", 3, "how often to check; the shortest time counts")
	limit := flag.Duration("limit", time.Minute, "of one check")
	flag.Parse()
	history := read(*path)
	model := porcupine.Model{
		Partition: partition,
		Init:      func() interface{} { return absent },
		Step:      step,
		Hash:      func(state interface{}) uint64 { return maphash.String(seed, state.(string)) },
	}
	best, verdict := math.Inf(1), porcupine.Unknown
	for round := 0; round < *rounds; round++ {
		start := time.Now()
		verdict = porcupine.CheckOperationsTimeout(model, history, *limit)
		best = math.Min(best, time.Since(start).Seconds())
	}
	printed, _ := json.Marshal(map[string]interface{}{
		"verdict": verdict, "seconds": best, "operations": len(history),
	})
	fmt.Println(string(printed))
}
