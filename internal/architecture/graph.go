package architecture

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
)

// Module is the path of the product's module.
const Module = "github.com/careflow/careflow"

// Package is what the rules need to know of a package.
type Package struct {
	ImportPath string
	// Imports are the direct imports of the code, tests left out.
	Imports []string
	// GoFiles counts the files of the code, tests left out.
	GoFiles int
}

// Graph holds packages by import path, those of other modules included.
type Graph map[string]Package

// Load asks the go command for every package of the module in dir and all they import.
func Load(ctx context.Context, dir string) (Graph, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-e", "-deps", "-json=ImportPath,Imports,GoFiles,Standard", "./...")
	cmd.Dir = dir
	var failure bytes.Buffer
	cmd.Stderr = &failure
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w: %s", err, failure.String())
	}
	graph := Graph{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath string
			Imports    []string
			GoFiles    []string
			Standard   bool
		}
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return graph, nil
		}
		if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		if !p.Standard {
			graph[p.ImportPath] = Package{ImportPath: p.ImportPath, Imports: p.Imports, GoFiles: len(p.GoFiles)}
		}
	}
}

// Own returns the product's packages in a folder of the module and below it, sorted.
func (g Graph) Own(folder string) []string {
	var own []string
	for path := range g {
		if within(path, Module+"/"+folder) {
			own = append(own, path)
		}
	}
	slices.Sort(own)
	return own
}

// Chain returns the shortest chain of imports from a package to one that bad accepts, or
// nil. With deep false only direct imports count.
func (g Graph) Chain(from string, deep bool, bad func(path string) bool) []string {
	type step struct {
		path string
		via  *step
	}
	seen := map[string]bool{from: true}
	queue := []*step{{path: from}}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, next := range g[at.path].Imports {
			if seen[next] {
				continue
			}
			seen[next] = true
			if bad(next) {
				chain := []string{next}
				for s := at; s != nil; s = s.via {
					chain = append(chain, s.path)
				}
				slices.Reverse(chain)
				return chain
			}
			if deep {
				queue = append(queue, &step{next, at})
			}
		}
	}
	return nil
}

// within reports whether path is folder or below it.
func within(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}
