package hostagent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/careflow/careflow/internal/domain"
)

// fetch writes the bundle of r into file, and checks that it is what its digest says,
// before anything of it is unpacked or run.
func (a *Agent) fetch(ctx context.Context, r domain.Release, file *os.File, progress Progress) error {
	from, size, err := openArtifact(ctx, r.Artifact)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	if size > a.MostBundle {
		return badBundle("has %d bytes, more than the %d that this host takes", size, a.MostBundle)
	}
	sum := sha256.New()
	counted := &counter{of: size, progress: progress}
	n, err := io.Copy(io.MultiWriter(file, sum, counted), io.LimitReader(contextReader{ctx, from}, a.MostBundle+1))
	if err != nil {
		return domain.Errorf(domain.CodeUnavailable, "the bundle could not be read to its end").Because(err)
	}
	if n > a.MostBundle {
		return badBundle("has more than the %d bytes that this host takes", a.MostBundle)
	}
	if got := "sha256:" + hex.EncodeToString(sum.Sum(nil)); got != r.Digest {
		return badBundle("is not what its digest says: %s is named, %s was found", r.Digest, got)
	}
	return file.Sync()
}

// openArtifact opens a file, or an object in a bucket: file:///path, /path, s3://bucket/key,
// gs://bucket/key, azblob://container/key. Credentials come from the provider's own
// variables. Size is -1 where nobody says.
func openArtifact(ctx context.Context, artifact string) (io.ReadCloser, int64, error) {
	u, err := url.Parse(artifact)
	if err != nil {
		return nil, 0, domain.Errorf(domain.CodeInvalid, "the artifact is no URL and no path")
	}
	if u.Scheme == "file" || u.Scheme == "" {
		return openFile(u.Path)
	}
	key := strings.TrimPrefix(u.Path, "/")
	if key == "" {
		return nil, 0, domain.Errorf(domain.CodeInvalid, "the artifact names a bucket and no object in it")
	}
	bucket, err := blob.OpenBucket(ctx, (&url.URL{Scheme: u.Scheme, Host: u.Host, RawQuery: u.RawQuery}).String())
	if err != nil {
		return nil, 0, domain.Errorf(domain.CodeDeployAccess, "the artifact's storage cannot be opened: give the agent the provider's credentials").Because(err)
	}
	r, err := bucket.NewReader(ctx, key, nil)
	if err != nil {
		_ = bucket.Close()
		return nil, 0, storageFault(err)
	}
	return objectReader{Reader: r, bucket: bucket}, r.Size(), nil
}

func openFile(path string) (io.ReadCloser, int64, error) {
	if !filepath.IsAbs(path) {
		return nil, 0, domain.Errorf(domain.CodeInvalid, "the artifact's path is not absolute")
	}
	file, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, 0, domain.Errorf(domain.CodeNoArtifact, "there is no bundle at %s", path).Because(err)
	case errors.Is(err, fs.ErrPermission):
		return nil, 0, domain.Errorf(domain.CodeDeployAccess, "the agent may not read %s", path).Because(err)
	case err != nil:
		return nil, 0, err
	}
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		_ = file.Close()
		return nil, 0, domain.Errorf(domain.CodeNoArtifact, "%s is not a file", path)
	}
	return file, info.Size(), nil
}

func storageFault(err error) error {
	switch gcerrors.Code(err) {
	case gcerrors.NotFound:
		return domain.Errorf(domain.CodeNoArtifact, "there is no such bundle in the storage").Because(err)
	case gcerrors.PermissionDenied, gcerrors.FailedPrecondition:
		return domain.Errorf(domain.CodeDeployAccess, "the storage of bundles refuses the agent: give it the provider's credentials").Because(err)
	}
	return domain.Errorf(domain.CodeUnavailable, "the storage of bundles cannot be reached").Because(err)
}

// objectReader closes the bucket with the object.
type objectReader struct {
	*blob.Reader

	bucket *blob.Bucket
}

func (r objectReader) Close() error { return errors.Join(r.Reader.Close(), r.bucket.Close()) }

// contextReader lets a copy end with ctx.
type contextReader struct {
	ctx context.Context //nolint:containedctx // lives for one copy
	io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// counter tells how far a copy is.
type counter struct {
	so, of   int64
	progress Progress
}

func (c *counter) Write(p []byte) (int, error) {
	c.so += int64(len(p))
	c.progress(fmt.Sprintf("%d of %d bytes fetched", c.so, max(c.so, c.of)))
	return len(p), nil
}
