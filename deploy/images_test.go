package deploy_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The images are built from what .dockerignore lets through, which no other build shows.
func TestTheImagesBuildSeesEachFileOfTheProgramsSources(t *testing.T) {
	t.Parallel()
	var folders []string
	for _, line := range strings.Split(read(t, "../.dockerignore"), "\n") {
		if name, ok := strings.CutPrefix(line, "!"); ok {
			folders = append(folders, name)
		}
	}
	const module = "github.com/careflow/careflow/"
	list := exec.Command("go", "list", "-deps", "-f", `{{if not .Standard}}{{range .GoFiles}}{{$.ImportPath}}/{{.}}
{{end}}{{range .EmbedFiles}}{{$.ImportPath}}/{{.}}
{{end}}{{end}}`, "./cmd/careflow", "./cmd/sandbox")
	list.Dir = ".."
	out, err := list.Output()
	require.NoError(t, err)
	seen := 0
	for file := range strings.Lines(string(out)) {
		file, ours := strings.CutPrefix(strings.TrimSpace(file), module)
		if !ours {
			continue
		}
		seen++
		let := false
		for _, folder := range folders {
			let = let || strings.HasPrefix(file, folder+"/")
		}
		for element := range strings.SplitSeq(file, "/") {
			let = let && element != "testdata"
		}
		require.True(t, let, "%s is kept from the build of the images by .dockerignore", file)
	}
	require.Greater(t, seen, 300, "sources of the programs")
}
