package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/distribution/reference"
	"github.com/juju/charm/v12"
	"github.com/juju/errors"
)

// readCharm reads an archive as the controller does when it is uploaded: the documents, then, with
// "unpack", all members (RepackageAndUploadCharm). "client" is what only `juju deploy` would say.
func readCharm(asked request) (any, error) {
	archive, err := charm.ReadCharmArchiveBytes(asked.Archive)
	if err != nil {
		return nil, err
	}
	if asked.Unpack {
		if err := unpack(archive); err != nil {
			return nil, err
		}
	}
	found := charmValue(archive)
	if err := charm.CheckMeta(archive); err != nil {
		found["client"] = err.Error()
	}
	return found, nil
}

func unpack(archive *charm.CharmArchive) error {
	directory, err := os.MkdirTemp("", "oracle")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(directory)
	extracted := filepath.Join(directory, "extracted")
	if err := archive.ExpandTo(extracted); err != nil {
		return errors.Annotate(err, "cannot extract uploaded charm")
	}
	_, err = charm.ReadCharmDir(extracted)
	return errors.Annotate(err, "cannot read extracted charm")
}

func charmValue(archive *charm.CharmArchive) map[string]any {
	meta := archive.Meta()
	endpoints := map[string]any{}
	for _, section := range []map[string]charm.Relation{meta.Provides, meta.Requires, meta.Peers} {
		for name, relation := range section {
			endpoints[string(relation.Role)+" "+name] = map[string]any{
				"interface": relation.Interface, "limit": relation.Limit,
				"optional": relation.Optional, "scope": string(relation.Scope),
			}
		}
	}
	resources := map[string]any{}
	for name, item := range meta.Resources {
		resources[name] = map[string]any{
			"type": item.Type.String(), "filename": item.Path, "description": item.Description,
		}
	}
	storage := map[string]any{}
	for name, item := range meta.Storage {
		storage[name] = map[string]any{
			"type": string(item.Type), "min": item.CountMin, "max": item.CountMax,
			"size": item.MinimumSize, "shared": item.Shared, "read-only": item.ReadOnly,
			"location": item.Location,
		}
	}
	containers := []string{}
	for name := range meta.Containers {
		containers = append(containers, name)
	}
	options := map[string]any{}
	for name, option := range archive.Config().Options {
		options[name] = map[string]any{"type": option.Type, "default": typed(option.Default)}
	}
	bases := []map[string]any{}
	if manifest := archive.Manifest(); manifest != nil {
		for _, base := range manifest.Bases {
			bases = append(bases, map[string]any{
				"name": base.Name, "channel": base.Channel.String(), "track": base.Channel.Track,
				"architectures": list(base.Architectures),
			})
		}
	}
	actions := []string{}
	for name := range archive.Actions().ActionSpecs {
		actions = append(actions, name)
	}
	return map[string]any{
		"name": meta.Name, "summary": meta.Summary, "description": meta.Description,
		"subordinate": meta.Subordinate, "series": list(meta.Series), "endpoints": endpoints,
		"resources": resources, "storage": storage, "containers": containers,
		"assumes": meta.Assumes != nil, "options": options, "bases": bases, "actions": actions,
		"revision": archive.Revision(), "version": archive.Version(), "client": "",
	}
}

// parseSettings reads option values of a YAML text, as the controller does for Deploy and SetConfigs.
func parseSettings(asked request) (any, error) {
	config, err := charm.ReadConfig(strings.NewReader(asked.Config))
	if err != nil {
		return nil, err
	}
	settings, err := config.ParseSettingsYAML([]byte(asked.Text), asked.Key)
	if err != nil {
		return nil, err
	}
	return typedMap(settings), nil
}

// parseStrings reads option values that are all texts.
func parseStrings(asked request) (any, error) {
	config, err := charm.ReadConfig(strings.NewReader(asked.Config))
	if err != nil {
		return nil, err
	}
	settings, err := config.ParseSettingsStrings(asked.Strings)
	if err != nil {
		return nil, err
	}
	return typedMap(settings), nil
}

// parseReference reads an image's reference and returns its normal form and its parts.
func parseReference(asked request) (any, error) {
	named, err := reference.ParseNormalizedNamed(asked.Text)
	if err != nil {
		return nil, err
	}
	found := map[string]string{
		"registry": reference.Domain(named), "repository": reference.Path(named), "tag": "", "digest": "",
	}
	if tagged, is := named.(reference.Tagged); is {
		found["tag"] = tagged.Tag()
	}
	if digested, is := named.(reference.Digested); is {
		found["digest"] = digested.Digest().String()
	}
	pulled, err := reference.ParseDockerRef(asked.Text)
	if err != nil {
		return nil, err
	}
	found["pulled"] = pulled.String()
	return found, nil
}
