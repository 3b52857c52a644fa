package testkit

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"
)

// Store is an S3 server of the test's own, behind a line that can fail.
type Store struct {
	// Address is where the line listens, and Bucket the one bucket that is there.
	Address, Bucket string

	closed chan struct{}

	mu    sync.Mutex
	fault func(*http.Request) Fault
	// lost is called after a request was carried out whose answer is lost.
	lost func()
	// upload breaks into the bodies of requests.
	upload *interruption
}

// interruption breaks into what is uploaded by the requests that match, once.
type interruption struct {
	match func(*http.Request) bool
	left  int64 // bytes
	act   func()
}

// Fault is what happens to one request.
type Fault int

// The faults of a store.
const (
	NoFault Fault = iota
	// Unavailable answers 503 SlowDown, as S3 does under load.
	Unavailable
	// Hang never answers, until the client gives up.
	Hang
	// Reset ends the connection before the request was carried out.
	Reset
	// LostReply carries the request out and ends the connection in the place of the answer.
	LostReply
)

// Credentials of the store.
const (
	storeAccess = "test-access"
	storeSecret = "test-secret-key"
	storeRegion = "us-east-1"
)

// NewStore starts an S3 server with one empty bucket, until the test ends.
func NewStore(t testing.TB) *Store {
	t.Helper()
	root, meta, address := t.TempDir(), t.TempDir(), FreeAddress(t)
	cmd := exec.Command(filepath.Join(Env(t, "CAREFLOW_TEST_TOOLS"), "versitygw"),
		"--port", address, "--region", storeRegion, "--quiet", "posix", "--sidecar", meta, root)
	cmd.Env = []string{"ROOT_ACCESS_KEY=" + storeAccess, "ROOT_SECRET_KEY=" + storeSecret, "HOME=" + meta}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	said := &logBuffer{}
	cmd.Stdout, cmd.Stderr = said, said
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the end of the log of the S3 server:\n%s", said.tail(2500))
		}
	})
	s := &Store{Bucket: "backups", closed: make(chan struct{})}
	target := &url.URL{Scheme: "http", Host: address}
	server := httptest.NewServer(s.line(target))
	t.Cleanup(func() { close(s.closed); server.CloseClientConnections(); server.Close() })
	s.Address = server.Listener.Addr().String()
	Eventually(t, func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}, "the S3 server listens")
	_, err := s.Client().CreateBucket(context.Background(), &s3.CreateBucketInput{Bucket: &s.Bucket})
	require.NoError(t, err)
	return s
}

// Client talks to the store over its line.
func (s *Store) Client() *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String("http://" + s.Address), Region: storeRegion, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(storeAccess, storeSecret, ""),
	})
}

// Settings are variables with which a process finds the store and is let in.
func (s *Store) Settings() []string {
	return []string{
		"CAREFLOW_BACKUP_STORAGE=s3://" + s.Bucket + "?region=" + storeRegion + "&use_path_style=true&endpoint=http://" + s.Address,
		"AWS_ACCESS_KEY_ID=" + storeAccess, "AWS_SECRET_ACCESS_KEY=" + storeSecret, "AWS_EC2_METADATA_DISABLED=true",
	}
}

// Fail decides what becomes of each request from now on; nil ends all faults.
func (s *Store) Fail(fault func(*http.Request) Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

// FailEvery fails every n-th request.
func (s *Store) FailEvery(n int, fault Fault) {
	seen := 0
	s.Fail(func(*http.Request) Fault {
		if seen++; seen%n == 0 {
			return fault
		}
		return NoFault
	})
}

// FailOnce fails the first request that matches, and tells how many matched.
func (s *Store) FailOnce(fault Fault, match func(*http.Request) bool) (seen func() int) {
	n := 0
	s.Fail(func(r *http.Request) Fault {
		if !match(r) {
			return NoFault
		}
		if n++; n > 1 {
			return NoFault
		}
		return fault
	})
	return func() int { s.mu.Lock(); defer s.mu.Unlock(); return n }
}

// Interrupt acts once at the first request that matches: before it, which is then not
// carried out, or after it, whose answer is then lost.
func (s *Store) Interrupt(match func(*http.Request) bool, after bool, act func()) {
	done := false
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = act
	s.fault = func(r *http.Request) Fault {
		switch {
		case done || !match(r):
			return NoFault
		case after:
			done = true
			return LostReply
		}
		done = true
		act()
		return Reset
	}
}

// InterruptUpload acts once, when so many bytes were uploaded by the requests that match;
// the request that is under way then stays where it is until its client is gone.
func (s *Store) InterruptUpload(match func(*http.Request) bool, bytes int64, act func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.upload = &interruption{match: match, left: bytes, act: act}
}

// body is a request's body, which may be broken into.
type body struct {
	io.ReadCloser
	s *Store
	r *http.Request
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.s.mu.Lock()
	i := b.s.upload
	broken := false
	if i != nil && i.match(b.r) {
		i.left -= int64(n)
		if broken = i.left <= 0; broken {
			b.s.upload = nil
		}
	}
	b.s.mu.Unlock()
	if !broken {
		return n, err
	}
	i.act()
	_, _ = io.Copy(io.Discard, b.ReadCloser)
	select {
	case <-b.r.Context().Done():
	case <-b.s.closed:
	}
	return 0, io.ErrUnexpectedEOF
}

func (s *Store) decide(r *http.Request) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault == nil {
		return NoFault
	}
	return s.fault(r)
}

func (s *Store) line(target *url.URL) http.Handler {
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // it is signed
		},
		ErrorLog: log.New(io.Discard, "", 0), // clients that are killed
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = &body{r.Body, s, r}
		switch s.decide(r) {
		case Unavailable:
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>`))
		case Hang:
			_, _ = io.Copy(io.Discard, r.Body) // else the server does not see the client leave
			select {
			case <-r.Context().Done():
			case <-s.closed:
			}
		case Reset:
			reset(w)
		case LostReply:
			forward.ServeHTTP(httptest.NewRecorder(), r)
			if s.lost != nil {
				s.lost()
			}
			reset(w)
		default:
			forward.ServeHTTP(w, r)
		}
	})
}

// reset ends a connection so that the other side sees an error and no end.
func reset(w http.ResponseWriter) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}
