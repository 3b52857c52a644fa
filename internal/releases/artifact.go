package releases

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/careflow/careflow/internal/domain"
)

// open reads a bundle: from a path or file://, from http(s)://, or from a bucket, as
// s3://bucket/key?region=…, gs://bucket/key or azblob://container/key. Credentials of buckets
// come from the provider's own variables.
func open(ctx context.Context, artifact string) (io.ReadCloser, error) {
	u, err := url.Parse(artifact)
	if err != nil {
		return nil, domain.Errorf(domain.CodeInvalid, "the bundle's URL cannot be read").Because(err)
	}
	switch u.Scheme {
	case "", "file":
		return openFile(strings.TrimPrefix(artifact, "file://"))
	case "http", "https":
		return openHTTP(ctx, artifact)
	case "s3", "gs", "azblob":
		return openObject(ctx, *u)
	}
	return nil, domain.Errorf(domain.CodeInvalid, "bundles are fetched from a path, https, s3, gs or azblob; %q is none of them", u.Scheme)
}

func openFile(path string) (io.ReadCloser, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() { // a pipe or a device may never end
		return nil, domain.Errorf(domain.CodeNoArtifact, "what is at %s on this host is no file", path)
	}
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, domain.Errorf(domain.CodeDeployAccess, "the bundle at %s may not be read on this host", path).Because(err)
	case err != nil:
		return nil, domain.Errorf(domain.CodeNoArtifact, "there is no bundle at %s on this host", path).Because(err)
	}
	return f, nil
}

func openHTTP(ctx context.Context, artifact string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, artifact, nil)
	if err != nil {
		return nil, domain.Errorf(domain.CodeInvalid, "the bundle's URL cannot be read").Because(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, domain.Errorf(domain.CodeUnavailable, "the bundle's server does not answer").Because(err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	_ = resp.Body.Close()
	code := domain.CodeUnavailable
	switch resp.StatusCode {
	case http.StatusNotFound, http.StatusGone:
		code = domain.CodeNoArtifact
	case http.StatusUnauthorized, http.StatusForbidden:
		code = domain.CodeDeployAccess
	}
	return nil, domain.Errorf(code, "the bundle's server answers %d", resp.StatusCode)
}

// object closes its bucket with it.
type object struct {
	*blob.Reader

	bucket *blob.Bucket
}

func (o object) Close() error { return errors.Join(o.Reader.Close(), o.bucket.Close()) }

func openObject(ctx context.Context, u url.URL) (io.ReadCloser, error) {
	key := strings.TrimPrefix(u.Path, "/")
	if key == "" {
		return nil, domain.Errorf(domain.CodeInvalid, "the bundle's URL names a bucket and nothing in it")
	}
	u.Path = ""
	bucket, err := blob.OpenBucket(ctx, u.String())
	if err != nil {
		return nil, domain.Errorf(domain.CodeDeployAccess, "the storage of bundles cannot be opened: give this process the provider's credentials").Because(err)
	}
	r, err := bucket.NewReader(ctx, key, nil)
	if err == nil {
		return object{r, bucket}, nil
	}
	_ = bucket.Close()
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil, domain.Errorf(domain.CodeNoArtifact, "there is no such bundle in the storage").Because(err)
	}
	if gcerrors.Code(err) == gcerrors.PermissionDenied {
		return nil, domain.Errorf(domain.CodeDeployAccess, "the storage of bundles refuses us: give this process the provider's credentials").Because(err)
	}
	return nil, domain.Errorf(domain.CodeUnavailable, "the storage of bundles cannot be reached").Because(err)
}
