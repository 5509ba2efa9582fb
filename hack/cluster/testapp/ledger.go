package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// books has a client of its own with enough kept connections for an app under load.
var books = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 256}}

// enter writes one served request into the ledger at base.
func enter(ctx context.Context, base, id, by string) error {
	query := url.Values{"id": {id}, "by": {by}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/serve?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	answer, err := books.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusNoContent {
		return fmt.Errorf("the ledger answered %s", answer.Status)
	}
	return nil
}

// keepBook is the ledger: who served what, in memory.
func keepBook() {
	var lock sync.Mutex
	served := map[string][]string{}
	http.HandleFunc("POST /serve", func(w http.ResponseWriter, r *http.Request) {
		id, by := r.URL.Query().Get("id"), r.URL.Query().Get("by")
		lock.Lock()
		served[id] = append(served[id], by)
		lock.Unlock()
		w.WriteHeader(http.StatusNoContent)
	})
	http.HandleFunc("GET /served", func(w http.ResponseWriter, _ *http.Request) {
		lock.Lock()
		defer lock.Unlock()
		_ = json.NewEncoder(w).Encode(served)
	})
	http.HandleFunc("GET /ready", func(http.ResponseWriter, *http.Request) {})
	log.Printf("keeping book on %s", address())
	log.Fatal(http.ListenAndServe(address(), nil))
}
