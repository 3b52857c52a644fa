// Package browser drives a real browser through the product's pages, for the stories. It
// is Debian's Chromium, without a window; `make test` installs it where it is missing.
package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/testkit"
)

// patience is how long the browser may take for one step on a loaded machine.
const patience = 90 * time.Second

// Tab is a browser with one page open. What a page complains about (an error on the
// console, an exception, a violation of its policy) fails the test at its end.
type Tab struct {
	t   testing.TB
	ctx context.Context // chromedp keeps the browser in it

	mu         sync.Mutex
	complaints []string
}

// Open starts a browser of its own, as wide as a phone.
func Open(t testing.TB) *Tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program(t)), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.WindowSize(420, 900),
	)
	allocated, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, leave := chromedp.NewContext(allocated)
	tab := &Tab{t: t, ctx: ctx}
	require.NoError(t, chromedp.Do(ctx, chromedp.EmulateViewport(420, 900)))
	console := chromedp.Console(ctx)
	listening := make(chan struct{})
	go func() {
		defer close(listening)
		for m, err := range console {
			if err != nil {
				return // the browser has gone
			}
			tab.listen(m)
		}
	}()
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // waits until the browser has gone, so that its folder can go
		leave()
		stop()
		<-listening
		assert.Empty(t, tab.Complaints(), "no page complains")
	})
	return tab
}

// program is where the browser is.
func program(t testing.TB) string {
	t.Helper()
	names := []string{"chromium", "chromium-browser", "google-chrome"}
	if path := os.Getenv("CAREFLOW_TEST_CHROMIUM"); path != "" {
		names = []string{path}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	require.Fail(t, "there is no Chromium: run the tests with `make test`, which installs it")
	return ""
}

// listen collects complaints. That a page was answered with an error is none: the stories
// look at those answers.
func (p *Tab) listen(m chromedp.ConsoleMessage) {
	answered := m.Source == "network" && strings.Contains(m.Text, "responded with a status of")
	if answered || m.Type != chromedp.ConsoleError && m.Type != chromedp.ConsoleWarning && !m.IsException() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.complaints = append(p.complaints, fmt.Sprintf("%s %s: %s (%s)", m.Type, m.Source, m.Text, m.URL))
}

// Complaints are what pages complained about so far.
func (p *Tab) Complaints() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.complaints...)
}

func (p *Tab) run(what string, steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	p.check(what, chromedp.Do(ctx, steps...))
}

func (p *Tab) check(what string, err error) {
	p.t.Helper()
	if err != nil {
		p.Shoot("failed")
		require.NoError(p.t, err, "%s; the page says: %s; complaints: %v", what, p.text(), p.Complaints())
	}
}

func ask[T any](p *Tab, what string, action chromedp.Action[T]) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, action)
	p.check(what, err)
	return value
}

// Go opens an address and returns the answer's status.
func (p *Tab) Go(url string) int {
	p.t.Helper()
	return int(ask(p, "open "+url, chromedp.NavigateResponse(url)).Status)
}

// Click clicks what the selector finds, once it can be seen.
func (p *Tab) Click(selector string) {
	p.t.Helper()
	p.run("click "+selector, chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible, chromedp.NodeEnabled))
}

// Script runs JavaScript on the page, which its policy does not bind.
func (p *Tab) Script(code string) {
	p.t.Helper()
	p.run("run a script", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := chromedp.Evaluate[chromedp.Void](code)(ctx, t)
		return err
	}))
}

// Keys presses keys, wherever the focus is.
func (p *Tab) Keys(keys ...string) {
	p.t.Helper()
	for _, key := range keys {
		p.run("press a key", chromedp.KeyEvent(key))
	}
}

// The keys that stories use.
const (
	TabKey = kb.Tab
	Enter  = kb.Enter
	Space  = " "
	Down   = kb.ArrowDown
)

// InFrame types into fields of the frame, each pair a selector and a text, after emptying
// them.
func (p *Tab) InFrame(frame string, fields ...string) {
	p.t.Helper()
	for i := 0; i+1 < len(fields); i += 2 {
		field := chromedp.CSS(fields[i])
		p.run("fill in "+fields[i],
			chromedp.SendKeys(field, kb.End+strings.Repeat(kb.Backspace, 20)+fields[i+1], p.inside(frame, fields[i])))
	}
}

// ClickInFrame clicks something inside a frame.
func (p *Tab) ClickInFrame(frame, selector string) {
	p.t.Helper()
	p.run("click "+selector, chromedp.Click(chromedp.CSS(selector), p.inside(frame, selector), chromedp.NodeVisible))
}

// frameLook is how long one look into a frame takes at most.
const frameLook = 3 * time.Second

// inside is where to look for what is in a frame, once that can be seen there. A frame
// that was found before its document had come stays empty for who found it: it is found
// anew for each look.
func (p *Tab) inside(frame, selector string) chromedp.QueryOption {
	p.t.Helper()
	var within chromedp.QueryOption
	testkit.Eventually(p.t, func() bool {
		within = chromedp.FromNode(p.frame(frame))
		ctx, cancel := context.WithTimeout(p.ctx, frameLook)
		defer cancel()
		return chromedp.Do(ctx, chromedp.WaitVisible(chromedp.CSS(selector), within)) == nil
	}, "%s shows %s", frame, selector)
	return within
}

func (p *Tab) frame(selector string) *chromedp.Node {
	p.t.Helper()
	nodes := ask(p, "find "+selector, chromedp.Nodes(chromedp.CSS(selector)))
	require.NotEmpty(p.t, nodes)
	return nodes[0]
}

// Sees waits until the page's text holds the text.
func (p *Tab) Sees(text string) {
	p.t.Helper()
	last := new(shown)
	testkit.Eventually(p.t, func() bool {
		*last = shown(p.text())
		return strings.Contains(string(*last), text)
	}, "the page shows %q, not %v", text, last)
}

// shown is what a page showed last, by the time a failure is written down.
type shown string

func (s *shown) String() string { return string(*s) }

// Text is the page's text as people see it.
func (p *Tab) Text() string { p.t.Helper(); return p.text() }

func (p *Tab) text() string {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	// A page that is just being loaded has no body, or the beginning of one, and may be gone before it answers.
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.readyState !== "loading" ? document.title + "\n" + document.body.innerText : ""`))
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return text
}

// Value is what JavaScript says on the page.
func (p *Tab) Value(code string) string {
	p.t.Helper()
	return ask(p, "ask the page", chromedp.Evaluate[string](code))
}

// Shoot keeps a picture of the page where CAREFLOW_TEST_SCREENSHOTS names a folder.
func (p *Tab) Shoot(name string) {
	p.t.Helper()
	folder := os.Getenv("CAREFLOW_TEST_SCREENSHOTS")
	if folder == "" {
		return
	}
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		p.t.Logf("no picture: %v", err)
		return
	}
	file := filepath.Join(folder, strings.ReplaceAll(p.t.Name(), "/", "_")+"_"+name+".png")
	require.NoError(p.t, os.WriteFile(file, picture, 0o600))
}

// Wide makes the window as wide as a desk's screen.
func (p *Tab) Wide() { p.t.Helper(); p.run("widen", chromedp.EmulateViewport(1280, 900)) }
