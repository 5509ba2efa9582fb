// Command testapp is the app of the cluster's tests.
//
// `testapp` serves HTTP/1.1, h2c and gRPC on :8080. What it does is set by its environment:
//
//	START_DELAY   how long it waits before it listens (Go duration)
//	READY_DELAY   how long after that /ready says 503
//	EXIT_AFTER    it ends with code 1 after this long: a crash loop
//	ON_SIGTERM    "exit" (default): it ends at once and cuts what it serves; "ignore": it goes on; "drain": it ends when it has
//	              answered what it serves; a duration: it goes on for so long, then ends
//	LEDGER        URL of a `testapp ledger`: each request is written there before it is answered
//	RECORD        a file that gets a line `ID NAME` per request before it is answered
//
// `testapp ledger` keeps book: POST /serve?id=ID&by=NAME counts, GET /served answers {ID: [NAME, ...]}.
// `testapp reach HOST:PORT` returns when a connection opens there: nothing tells when a node's proxy has learned of a Service.
// `testapp get URL` asks once and prints status and body; it ends with 1 unless the status is 2xx.
// `testapp burst URL N` asks N times at once and prints how often each status came.
package main

import (
	"cmp"
	"fmt"
	"log"
	"os"
)

func main() {
	log.SetFlags(log.LUTC | log.Lmicroseconds)
	arguments := append(os.Args[1:], "")
	switch arguments[0] {
	case "":
		serve()
	case "ledger":
		keepBook()
	case "reach":
		reach(arguments[1])
	case "get":
		get(arguments[1])
	case "burst":
		burst(arguments[1], arguments[2])
	default:
		fmt.Fprintln(os.Stderr, "usage: testapp [ledger | reach HOST:PORT | get URL | burst URL N]")
		os.Exit(2)
	}
}

// address is where it listens.
func address() string { return ":" + cmp.Or(os.Getenv("PORT"), "8080") }
