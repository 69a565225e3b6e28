package main

import (
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"

	"gopkg.in/yaml.v2"
)

// typed returns a value with its type told: a number is {"int": "7"} or {"float": "0.5"}, since JSON
// has one type for both and no infinity, and a mapping is {"map": [[key, value], ...]} in the order
// of its keys, since they need not be text. Text, booleans, null and lists are themselves.
func typed(value any) any {
	switch value := value.(type) {
	case nil, bool, string:
		return value
	case int:
		return map[string]string{"int": strconv.Itoa(value)}
	case int64:
		return map[string]string{"int": strconv.FormatInt(value, 10)}
	case uint64:
		return map[string]string{"int": strconv.FormatUint(value, 10)}
	case float64:
		return map[string]string{"float": floatText(value)}
	case []any:
		items := make([]any, len(value))
		for index, item := range value {
			items[index] = typed(item)
		}
		return items
	case map[any]any:
		pairs := make([][2]any, 0, len(value))
		for key, item := range value {
			pairs = append(pairs, [2]any{typed(key), typed(item)})
		}
		sort.Slice(pairs, func(i, j int) bool { return fmt.Sprint(pairs[i][0]) < fmt.Sprint(pairs[j][0]) })
		return map[string]any{"map": pairs}
	case map[string]any:
		return map[string]any{"map": typedPairs(value)}
	}
	panic(fmt.Sprintf("a value of type %T", value))
}

func typedPairs(values map[string]any) [][2]any {
	pairs := make([][2]any, 0, len(values))
	for key, item := range values {
		pairs = append(pairs, [2]any{key, typed(item)})
	}
	sort.Slice(pairs, func(i, j int) bool { return fmt.Sprint(pairs[i][0]) < fmt.Sprint(pairs[j][0]) })
	return pairs
}

func typedMap(values map[string]any) map[string]any {
	found := make(map[string]any, len(values))
	for key, item := range values {
		found[key] = typed(item)
	}
	return found
}

func floatText(value float64) string {
	switch {
	case math.IsNaN(value):
		return "nan"
	case math.IsInf(value, 1):
		return "inf"
	case math.IsInf(value, -1):
		return "-inf"
	}
	return strconv.FormatFloat(value, 'x', -1, 64)
}

// decodeAny returns every document of a text, read without a declared type.
func decodeAny(asked request) (any, error) {
	documents := []any{}
	decoder := yaml.NewDecoder(strings.NewReader(asked.Text))
	for {
		var document any
		err := decoder.Decode(&document)
		if err != nil && err.Error() == "EOF" {
			return documents, nil
		}
		if err != nil {
			return nil, err
		}
		documents = append(documents, typed(document))
	}
}

// decodeTexts returns a text read as a mapping of texts, which is how a field for text is filled.
func decodeTexts(asked request) (any, error) {
	found := map[string]string{}
	err := yaml.Unmarshal([]byte(asked.Text), &found)
	return found, err
}
