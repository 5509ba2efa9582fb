package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// app is one running instance.
type app struct {
	name    string
	count   atomic.Int64
	readyAt time.Time
	ledger  string
	record  *os.File
	writing sync.Mutex
}

func serve() {
	name, _ := os.Hostname()
	started := &app{name: name, ledger: os.Getenv("LEDGER")}
	if path := os.Getenv("RECORD"); path != "" {
		file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
		if err != nil {
			log.Fatal(err)
		}
		started.record = file
	}
	if after := duration("EXIT_AFTER"); after > 0 {
		time.AfterFunc(after, func() { log.Fatalf("ending, as EXIT_AFTER=%v asks", after) })
	}

	server := &http.Server{Addr: address(), Handler: started.handler(), Protocols: new(http.Protocols)}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	ended := make(chan struct{})
	go func() {
		obey(server)
		close(ended)
	}()

	time.Sleep(duration("START_DELAY"))
	started.readyAt = time.Now().Add(duration("READY_DELAY"))
	log.Printf("listening on %s", server.Addr)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
	<-ended
}

// obey waits for SIGTERM and does what ON_SIGTERM says.
func obey(server *http.Server) {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	for range told {
		log.Print("SIGTERM")
		switch how := os.Getenv("ON_SIGTERM"); how {
		case "", "exit":
			os.Exit(0)
		case "ignore":
		case "drain":
			if err := server.Shutdown(context.Background()); err != nil {
				log.Fatal(err)
			}
			return
		default:
			time.Sleep(duration("ON_SIGTERM"))
			os.Exit(0)
		}
	}
}

// handler routes gRPC (the standard health service) by its content type and everything else by path.
func (a *app) handler() http.Handler {
	calls := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(calls, health.NewServer())

	paths := http.NewServeMux()
	paths.HandleFunc("/ready", a.ready)
	paths.HandleFunc("/slow", a.served(a.slow))
	paths.HandleFunc("/events", a.served(a.events))
	paths.HandleFunc("/socket", a.served(a.socket))
	paths.HandleFunc("/echo", a.served(a.echo))
	paths.HandleFunc("/", a.served(a.hello))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
			a.served(calls.ServeHTTP)(w, r)
			return
		}
		paths.ServeHTTP(w, r)
	})
}

// served writes the request down before it is answered: its header X-Request-Id, else the query's id, else its own name and a number. It is answered
// 500 when it could not be written down. The answer's header X-Served-By names the instance.
func (a *app) served(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		number := a.count.Add(1)
		id := r.Header.Get("X-Request-Id")
		if id == "" {
			id = r.URL.Query().Get("id")
		}
		if id == "" {
			id = fmt.Sprintf("%s-%d", a.name, number)
		}
		if err := a.write(r.Context(), id); err != nil {
			log.Printf("cannot write %s down: %v", id, err)
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("X-Served-By", a.name)
		w.Header().Set("X-Served-Id", id)
		next(w, r)
	}
}

func (a *app) write(ctx context.Context, id string) error {
	log.Printf("served %s", id)
	if a.record != nil {
		a.writing.Lock()
		_, err := fmt.Fprintf(a.record, "%s %s\n", id, a.name)
		a.writing.Unlock()
		if err != nil {
			return err
		}
	}
	if a.ledger == "" {
		return nil
	}
	// Without the request's cancellation: what reached the app counts as served, even if the client is gone.
	return enter(context.WithoutCancel(ctx), a.ledger, id, a.name)
}

func (a *app) ready(w http.ResponseWriter, _ *http.Request) {
	if time.Now().Before(a.readyAt) {
		http.Error(w, "not yet", http.StatusServiceUnavailable)
	}
}

func (a *app) hello(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, a.name) }

// slow answers after ?ms= milliseconds.
func (a *app) slow(w http.ResponseWriter, r *http.Request) {
	ms, _ := strconv.Atoi(r.URL.Query().Get("ms"))
	select {
	case <-time.After(time.Duration(ms) * time.Millisecond):
		fmt.Fprintln(w, a.name)
	case <-r.Context().Done():
	}
}

// echo answers with the request's body, byte for byte.
func (a *app) echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_, _ = io.Copy(w, bytes.NewReader(body))
}

// events sends ?n= server-sent events (0: until the client leaves), one each ?ms= milliseconds.
func (a *app) events(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(r.URL.Query().Get("n"))
	ms, err := strconv.Atoi(r.URL.Query().Get("ms"))
	if err != nil || ms <= 0 {
		ms = 100
	}
	w.Header().Set("Content-Type", "text/event-stream")
	flusher := http.NewResponseController(w)
	for i := 1; n == 0 || i <= n; i++ {
		fmt.Fprintf(w, "data: %d %s\n\n", i, a.name)
		if flusher.Flush() != nil {
			return
		}
		select {
		case <-time.After(time.Duration(ms) * time.Millisecond):
		case <-r.Context().Done():
			return
		}
	}
}

// socket is a WebSocket that sends back what it gets.
func (a *app) socket(w http.ResponseWriter, r *http.Request) {
	connection, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	defer connection.CloseNow()
	for {
		kind, message, err := connection.Read(r.Context())
		if err != nil {
			return
		}
		if connection.Write(r.Context(), kind, message) != nil {
			return
		}
	}
}

// duration reads an environment variable; what is not a duration ends the program.
func duration(name string) time.Duration {
	text := os.Getenv(name)
	if text == "" {
		return 0
	}
	value, err := time.ParseDuration(text)
	if err != nil {
		log.Fatalf("%s: %v", name, err)
	}
	return value
}
