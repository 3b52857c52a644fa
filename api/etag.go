package api

import (
	"strconv"
	"strings"

	"github.com/careflow/careflow/internal/domain"
)

const headerIfMatch = "If-Match"

// etag is how a version is told and asked for: a strong entity tag (RFC 9110, 8.8.3).
func etag(version int) string { return strconv.Quote(strconv.Itoa(version)) }

// ifMatch reads the version that an edit was made on; 0 stands for any (If-Match: *).
// A tag that was never ours matches nothing.
func ifMatch(header string) (int, error) {
	tag := strings.TrimSpace(header)
	if tag == "*" {
		return 0, nil
	}
	if strings.Contains(tag, ",") {
		return 0, invalidField("header/"+headerIfMatch, "is one ETag: the one of what you read")
	}
	text, quoted := strings.CutPrefix(tag, `"`)
	text, closed := strings.CutSuffix(text, `"`)
	version, err := strconv.ParseUint(text, 10, 31)
	if !quoted || !closed || err != nil || version == 0 {
		return 0, domain.Errorf(domain.CodeStale, "This If-Match is no current version. Read it again and send its ETag as it came.")
	}
	return int(version), nil
}
