package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Somebody who is woken at night types what the documentation says: every command in it is
// one, has the flags that it is given, and in a block to copy as many arguments as it takes.
func TestWhatTheDocumentationSaysToTypeIsACommand(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, path := range documents(t) {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, said := range commandsIn(string(text)) {
			seen++
			require.NoError(t, typed(said), "%s: careflow %s", path, said.words)
		}
	}
	require.Greater(t, seen, 100, "the documentation is not read as it is written")
}

func TestACommandThatIsNotOneIsNoticed(t *testing.T) {
	t.Parallel()
	for line, whole := range map[string]bool{
		"careflow appointment list": false, "careflow appointments lst": false, "careflow backup list --state-of": false,
		"careflow deploy show": true, "careflow restore abort one two": true,
	} {
		said := commandsIn("```sh\n" + line + "\n```\n")
		if !whole {
			said = append(said, commandsIn("See `"+line+"`.")...)
		}
		require.NotEmpty(t, said, line)
		for _, s := range said {
			require.Error(t, typed(s), line)
		}
	}
}

func documents(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, place := range []string{"README.md", "docs", "deploy"} {
		require.NoError(t, filepath.WalkDir(filepath.Join("../..", place), func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && filepath.Ext(path) == ".md" {
				found = append(found, path)
			}
			return err
		}))
	}
	return found
}

// saying is a command as the documentation has it, without the word careflow.
type saying struct {
	words []string
	whole bool // to be copied as it stands, and not just named
}

var (
	block     = regexp.MustCompile("(?ms)^```(?:sh|bash)\n(.*?)^```$")
	span      = regexp.MustCompile("`careflow ([^`]*)`")
	call      = regexp.MustCompile(`(?:^|[\s/;(])careflow ([a-z][^|;#&)\n]*)`)
	redirect  = regexp.MustCompile(`\s>>?\s*\S+`)
	quoted    = regexp.MustCompile(`"[^"]*"|'[^']*'`)
	continued = regexp.MustCompile(`\\\n\s*`)
)

func commandsIn(text string) []saying {
	var found []saying
	for _, b := range block.FindAllStringSubmatch(text, -1) {
		for _, c := range call.FindAllStringSubmatch(continued.ReplaceAllString(b[1], " "), -1) {
			words := wordsOf(c[1])
			rest := slices.Index(words, "…")
			if rest < 0 || strings.HasPrefix(words[rest-1], "--") {
				found = append(found, saying{words: words, whole: true})
			} else { // and so on
				found = append(found, saying{words: words[:rest]})
			}
		}
	}
	for _, s := range span.FindAllStringSubmatch(block.ReplaceAllString(text, ""), -1) {
		found = append(found, saying{words: wordsOf(s[1])})
	}
	return found
}

// wordsOf splits as a shell would; what is in quotes is one word, whatever it says.
func wordsOf(line string) []string {
	return strings.Fields(redirect.ReplaceAllString(quoted.ReplaceAllString(line, "quoted"), ""))
}

// typed looks at what would happen if somebody typed that, without doing it.
func typed(said saying) error {
	root := newRoot(invocation{})
	root.InitDefaultHelpCmd()
	c, rest, err := root.Find(said.words)
	if err != nil {
		return err
	}
	var arguments []string
	for i := 0; i < len(rest); i++ {
		name, _, assigned := strings.Cut(strings.TrimPrefix(rest[i], "--"), "=")
		if !strings.HasPrefix(rest[i], "--") {
			arguments = append(arguments, rest[i])
			continue
		}
		c.InitDefaultHelpFlag()
		flag := c.Flag(name)
		if flag == nil {
			return usageError{fs.ErrNotExist}
		}
		if flag.NoOptDefVal == "" && !assigned {
			i++ // its value
		}
	}
	if c.HasSubCommands() && len(arguments) > 0 {
		return usageError{fs.ErrNotExist}
	}
	if !said.whole || c.Args == nil || slices.Contains(rest, "--help") {
		return nil
	}
	return c.Args(c, arguments)
}
