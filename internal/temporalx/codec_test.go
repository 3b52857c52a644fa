package temporalx_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/temporalx"
)

func ring(t *testing.T, ids ...string) config.KeyRing {
	t.Helper()
	var keys []config.Key
	for _, id := range ids {
		k, err := config.NewKey(id, bytes.Repeat([]byte(id[:1]), config.KeySize))
		require.NoError(t, err)
		keys = append(keys, k)
	}
	r, err := config.NewKeyRing(keys...)
	require.NoError(t, err)
	return r
}

func codec(t *testing.T, ids ...string) *temporalx.Codec {
	t.Helper()
	c, err := temporalx.NewCodec(ring(t, ids...))
	require.NoError(t, err)
	return c
}

func TestCodecReturnsWhatItWasGiven(t *testing.T) {
	c := codec(t, "a")
	rapid.Check(t, func(rt *rapid.T) {
		in := &commonpb.Payload{
			Metadata: map[string][]byte{converter.MetadataEncoding: []byte("json/plain"), "k": rapid.SliceOf(rapid.Byte()).Draw(rt, "metadata")},
			Data:     rapid.SliceOf(rapid.Byte()).Draw(rt, "data"),
		}
		sealed, err := c.Encode([]*commonpb.Payload{in, in})
		if err != nil {
			rt.Fatal(err)
		}
		if bytes.Equal(sealed[0].Data, sealed[1].Data) {
			rt.Fatal("two payloads share a nonce")
		}
		opened, err := c.Decode(sealed)
		if err != nil || !proto.Equal(in, opened[0]) || !proto.Equal(in, opened[1]) {
			rt.Fatalf("opened %v, %v", opened, err)
		}
	})
}

func TestCodecHidesContentAndNamesItsKey(t *testing.T) {
	sealed, err := codec(t, "a").Encode([]*commonpb.Payload{{Metadata: map[string][]byte{"encoding": []byte("json/plain")}, Data: []byte("aching knee")}})
	require.NoError(t, err)
	wire, err := proto.Marshal(sealed[0])
	require.NoError(t, err)
	require.NotContains(t, string(wire), "aching knee")
	require.NotContains(t, string(wire), "json/plain")
	require.Equal(t, "a", string(sealed[0].Metadata[temporalx.MetadataKeyID]))
}

func TestCodecReadsOlderKeysAndWritesTheFirst(t *testing.T) {
	old, err := codec(t, "a").Encode([]*commonpb.Payload{{Data: []byte("kept")}})
	require.NoError(t, err)
	rotated := codec(t, "b", "a")
	opened, err := rotated.Decode(old)
	require.NoError(t, err)
	require.Equal(t, "kept", string(opened[0].Data))
	fresh, err := rotated.Encode(opened)
	require.NoError(t, err)
	require.Equal(t, "b", string(fresh[0].Metadata[temporalx.MetadataKeyID]))
}

func TestCodecRefuses(t *testing.T) {
	seal := func() *commonpb.Payload {
		sealed, err := codec(t, "a").Encode([]*commonpb.Payload{{Data: []byte("aching knee")}})
		require.NoError(t, err)
		return sealed[0]
	}
	cases := map[string]struct {
		keys []string
		harm func(*commonpb.Payload)
		want string
	}{
		"an altered payload":     {[]string{"a"}, func(p *commonpb.Payload) { p.Data[len(p.Data)-1] ^= 1 }, "was altered"},
		"a truncated payload":    {[]string{"a"}, func(p *commonpb.Payload) { p.Data = p.Data[:5] }, "was altered"},
		"a key that is gone":     {[]string{"b"}, func(*commonpb.Payload) {}, `the key "a", which is not in`},
		"another key's name":     {[]string{"a", "b"}, func(p *commonpb.Payload) { p.Metadata[temporalx.MetadataKeyID] = []byte("b") }, "was altered"},
		"another cipher":         {[]string{"a"}, func(p *commonpb.Payload) { p.Metadata["encryption-cipher"] = []byte("ROT13") }, "unknown cipher"},
		"a namesake with others": {[]string{"ab"}, func(p *commonpb.Payload) { p.Metadata[temporalx.MetadataKeyID] = []byte("ab") }, "was altered"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := seal()
			c.harm(p)
			_, err := codec(t, c.keys...).Decode([]*commonpb.Payload{p})
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "knee")
		})
	}
}

func TestCodecLeavesPlainPayloadsAlone(t *testing.T) {
	in := &commonpb.Payload{Metadata: map[string][]byte{"encoding": []byte("json/plain")}, Data: []byte("1")}
	out, err := codec(t, "a").Decode([]*commonpb.Payload{in})
	require.NoError(t, err)
	require.Same(t, in, out[0])
}

func TestCodecWithoutAKeyIsAnError(t *testing.T) {
	_, err := temporalx.NewCodec(config.KeyRing{})
	require.Error(t, err)
}

func TestFailuresAreEncryptedToo(t *testing.T) {
	data, err := temporalx.NewDataConverter(ring(t, "a"))
	require.NoError(t, err)
	failures := temporalx.NewFailureConverter(data)
	failure := failures.ErrorToFailure(temporal.NewNonRetryableApplicationError("aching knee", "slot_taken", errors.New("inner knee"), "knee details"))

	wire, err := proto.Marshal(failure)
	require.NoError(t, err)
	require.NotContains(t, string(wire), "knee")

	var back *temporal.ApplicationError
	require.ErrorAs(t, failures.FailureToError(failure), &back)
	require.Equal(t, "slot_taken", back.Type(), "the type stays readable: retry policies name it")
	require.Contains(t, back.Error(), "aching knee")
}
