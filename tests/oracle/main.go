// Oracle answers what Juju's own libraries make of an input.
//
// It reads one JSON object a line from its standard input and writes one a line to its standard
// output, in the same order:
//
//	{"kind": "reference", "text": "minio:1"}
//	{"value": {"name": "docker.io/library/minio", "tag": "1", ...}}
//
// An answer has "value", or "error" with the library's own words, or "panic" when the library
// panicked. The kinds are the keys of the table below; each function says what it takes.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// request is one line of input; each kind uses some of the fields.
type request struct {
	Kind     string            `json:"kind"`
	Text     string            `json:"text"`
	Overlays []string          `json:"overlays"`
	Archive  []byte            `json:"archive"` // base64 in JSON
	Unpack   bool              `json:"unpack"`
	Config   string            `json:"config"`
	Strings  map[string]string `json:"strings"`
	Key      string            `json:"key"`
}

type answer struct {
	Value any    `json:"value,omitempty"`
	Error string `json:"error,omitempty"`
	Panic string `json:"panic,omitempty"`
}

var kinds = map[string]func(request) (any, error){
	"yaml":      decodeAny,
	"texts":     decodeTexts,
	"bundle":    readBundle,
	"charm":     readCharm,
	"settings":  parseSettings,
	"strings":   parseStrings,
	"reference": parseReference,
}

func ask(asked request) (given answer) {
	defer func() {
		if cause := recover(); cause != nil {
			given = answer{Panic: fmt.Sprint(cause)}
		}
	}()
	kind, known := kinds[asked.Kind]
	if !known {
		return answer{Panic: fmt.Sprintf("there is no kind %q", asked.Kind)}
	}
	value, err := kind(asked)
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Value: value}
}

func serve(input io.Reader, output io.Writer) error {
	lines := bufio.NewReaderSize(input, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var asked request
			var given answer
			if wrong := json.Unmarshal(line, &asked); wrong != nil {
				given = answer{Panic: "not a request: " + wrong.Error()}
			} else {
				given = ask(asked)
			}
			written, wrong := json.Marshal(given)
			if wrong != nil {
				written, _ = json.Marshal(answer{Panic: "not an answer: " + wrong.Error()})
			}
			if _, wrong = output.Write(append(written, '\n')); wrong != nil {
				return wrong
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func main() {
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(1)
	}
}
