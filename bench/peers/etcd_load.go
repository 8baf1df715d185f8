// Closed-loop load on etcd through its own Go client: each client sends its next request when the last one was answered.
// Prints one JSON object. Built by etcd.py with Debian's packages.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"sort"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/clientv3"
)

type result struct {
	Rate       float64 `json:"rate"`
	P50        float64 `json:"p50_ms"`
	P99        float64 `json:"p99_ms"`
	Max        float64 `json:"max_ms"`
	Operations int     `json:"operations"`
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// one client: requests until the deadline; the time that each took, in milliseconds.
func drive(client *clientv3.Client, put bool, value string, keys int, seed int64, deadline time.Time) []float64 {
	random := rand.New(rand.NewSource(seed))
	var took []float64
	for time.Now().Before(deadline) {
		key := fmt.Sprintf("key:%012d", random.Intn(keys))
		start := time.Now()
		var err error
		if put {
			_, err = client.Put(context.Background(), key, value)
		} else {
			_, err = client.Get(context.Background(), key) // linearizable unless asked otherwise
		}
		if err != nil {
			fail(err)
		}
		took = append(took, time.Since(start).Seconds()*1e3)
	}
	return took
}

func main() {
	endpoints := flag.String("endpoints", "", "host:port, comma-separated")
	operation := flag.String("operation", "put", "put or get")
	clients := flag.Int("clients", 100, "requests in flight")
	connections := flag.Int("connections", 10, "gRPC connections that the clients share")
	seconds := flag.Float64("seconds", 10, "how long")
	size := flag.Int("size", 256, "bytes of a value")
	keys := flag.Int("keys", 100000, "keys are drawn from this many")
	flag.Parse()

	if *connections > *clients {
		*connections = *clients
	}
	shared := make([]*clientv3.Client, *connections)
	for i := range shared {
		client, err := clientv3.New(clientv3.Config{
			Endpoints: strings.Split(*endpoints, ","), DialTimeout: 5 * time.Second,
		})
		if err != nil {
			fail(err)
		}
		shared[i] = client
	}
	value := strings.Repeat("x", *size)
	took := make([][]float64, *clients)
	start := time.Now()
	deadline := start.Add(time.Duration(*seconds * float64(time.Second)))
	var running sync.WaitGroup
	for i := 0; i < *clients; i++ {
		running.Add(1)
		go func(i int) {
			defer running.Done()
			took[i] = drive(shared[i%*connections], *operation == "put", value, *keys, int64(i), deadline)
		}(i)
	}
	running.Wait()
	elapsed := time.Since(start).Seconds()
	var all []float64
	for _, some := range took {
		all = append(all, some...)
	}
	sort.Float64s(all)
	if len(all) == 0 {
		fail(fmt.Errorf("no request was answered"))
	}
	json.NewEncoder(os.Stdout).Encode(result{
		float64(len(all)) / elapsed, all[len(all)/2], all[len(all)*99/100], all[len(all)-1], len(all),
	})
}
