package main

import (
	"strings"

	"github.com/juju/charm/v12"
	"github.com/juju/errors"
)

// readBundle reads a bundle and its overlays, merges them and verifies the result, in the order of
// `juju deploy` (ComposeAndVerifyBundle). Constraints, storage and devices are read by Juju itself,
// not by this library, and are taken as they are. Charms that are paths are not looked up.
func readBundle(asked request) (any, error) {
	base, err := charm.StreamBundleDataSource(strings.NewReader(asked.Text), "/bundle")
	if err != nil {
		return nil, err
	}
	sources := []charm.BundleDataSource{base}
	for _, text := range asked.Overlays {
		overlay, err := charm.StreamBundleDataSource(strings.NewReader(text), "/overlay")
		if err != nil {
			return nil, errors.Annotatef(err, "unable to process overlays")
		}
		sources = append(sources, overlay)
	}
	// What the client only mentions in a dry run, although whole documents are left out for it.
	ignored := []string{}
	for _, source := range sources {
		for _, part := range source.Parts() {
			if part.UnmarshallError != nil {
				ignored = append(ignored, part.UnmarshallError.Error())
			}
		}
	}
	data, err := charm.ReadAndMergeBundleData(sources...)
	if err != nil {
		return nil, err
	}
	if err := data.Verify(nil, nil, nil); err != nil {
		if several, is := err.(*charm.VerificationError); is {
			texts := make([]string, len(several.Errors))
			for index, item := range several.Errors {
				texts[index] = item.Error()
			}
			return nil, errors.New(strings.Join(texts, "\n"))
		}
		return nil, err
	}
	return bundleValue(data, ignored), nil
}

func bundleValue(data *charm.BundleData, ignored []string) map[string]any {
	applications := map[string]any{}
	for name, spec := range data.Applications {
		offers := map[string]any{}
		for offer, fields := range spec.Offers {
			if fields != nil {
				offers[offer] = map[string]any{"endpoints": list(fields.Endpoints), "acl": texts(fields.ACL)}
			}
		}
		endpoints := map[string]any{}
		for endpoint, fields := range spec.ExposedEndpoints {
			endpoints[endpoint] = map[string]any{
				"spaces": list(fields.ExposeToSpaces), "cidrs": list(fields.ExposeToCIDRs),
			}
		}
		applications[name] = map[string]any{
			"charm": spec.Charm, "channel": spec.Channel, "revision": spec.Revision,
			"series": spec.Series, "base": spec.Base, "scale": spec.NumUnits, "to": list(spec.To),
			"expose": spec.Expose, "trust": spec.RequiresTrust, "constraints": spec.Constraints,
			"options": typedMap(spec.Options), "resources": typedMap(spec.Resources),
			"annotations": texts(spec.Annotations), "storage": texts(spec.Storage),
			"devices": texts(spec.Devices), "bindings": texts(spec.EndpointBindings),
			"offers": offers, "exposed-endpoints": endpoints,
		}
	}
	saas := map[string]string{}
	for name, spec := range data.Saas {
		if spec != nil {
			saas[name] = spec.URL
		}
	}
	relations := [][]string{}
	for _, relation := range data.Relations {
		relations = append(relations, relation)
	}
	return map[string]any{
		"type": data.Type, "series": data.Series, "default-base": data.DefaultBase,
		"applications": applications, "relations": relations, "saas": saas, "ignored": ignored,
	}
}

// list and texts return what is empty as such, not as null.
func list(items []string) []string { return append([]string{}, items...) }

func texts(items map[string]string) map[string]string {
	found := map[string]string{}
	for key, item := range items {
		found[key] = item
	}
	return found
}
