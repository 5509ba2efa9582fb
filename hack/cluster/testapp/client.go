package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

// Long enough for any cold start.
var client = &http.Client{Timeout: 5 * time.Minute}

func get(url string) {
	answer, err := client.Get(url)
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d\n%s", answer.StatusCode, body)
	if answer.StatusCode >= 300 {
		os.Exit(1)
	}
}

// reach tries until a connection opens, at most half a minute.
func reach(address string) {
	var err error
	for began := time.Now(); time.Since(began) < 30*time.Second; time.Sleep(20 * time.Millisecond) {
		var opened net.Conn
		if opened, err = net.DialTimeout("tcp", address, time.Second); err == nil {
			opened.Close()
			return
		}
	}
	log.Fatal(err)
}

// burst prints {"200": n, ...}; what got no answer counts as "error".
func burst(url, times string) {
	n, err := strconv.Atoi(times)
	if err != nil {
		log.Fatal(err)
	}
	answers := make(chan string, n)
	var asking sync.WaitGroup
	for range n {
		asking.Go(func() { answers <- status(url) })
	}
	asking.Wait()
	close(answers)
	counted := map[string]int{}
	for answer := range answers {
		counted[answer]++
	}
	_ = json.NewEncoder(os.Stdout).Encode(counted)
}

func status(url string) string {
	answer, err := client.Get(url)
	if err != nil {
		log.Print(err)
		return "error"
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		log.Print(err)
		return "error"
	}
	return strconv.Itoa(answer.StatusCode)
}
