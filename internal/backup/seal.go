package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"github.com/careflow/careflow/internal/domain"
)

// meter counts and hashes what flows through it.
type meter struct {
	sum   hash.Hash
	bytes int64
}

func newMeter() *meter { return &meter{sum: sha256.New()} }

func (m *meter) Write(p []byte) (int, error) {
	m.bytes += int64(len(p))
	return m.sum.Write(p)
}

func (m *meter) digest() domain.Digest {
	return domain.Digest{Bytes: m.bytes, SHA256: hex.EncodeToString(m.sum.Sum(nil))}
}

// window bounds what zstd remembers, on both sides: 8 MiB, the format's recommended
// least that every decoder accepts (RFC 8878, 3.1.1.1.2).
const window = 8 << 20

// seal compresses and encrypts plain into stored and says what went in and what came out.
// On an error stored was not finished: its owner must throw it away, not close it.
func seal(ctx context.Context, stored io.Writer, recipients []age.Recipient, plain io.Reader, progress func(int64)) (in, out domain.Digest, err error) {
	inside, outside := newMeter(), newMeter()
	locked, err := age.Encrypt(io.MultiWriter(stored, outside), recipients...)
	if err != nil {
		return in, out, fmt.Errorf("encrypting: %w", err)
	}
	packed, err := zstd.NewWriter(locked, zstd.WithWindowSize(window), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(true))
	if err != nil {
		return in, out, fmt.Errorf("compressing: %w", err)
	}
	_, err = io.Copy(io.MultiWriter(packed, inside), &watched{ctx: ctx, r: plain, progress: progress})
	if err != nil {
		return in, out, err
	}
	if err := errors.Join(packed.Close(), locked.Close()); err != nil {
		return in, out, fmt.Errorf("finishing: %w", err)
	}
	return inside.digest(), outside.digest(), nil
}

// errDamaged says that what lies in the storage is not what was put there: a bad backup,
// unlike a storage that cannot be reached.
var errDamaged = errors.New("damaged")

// open reads what seal wrote. The reader fails with errDamaged, at the latest at its end,
// when stored or plain are not as the manifest says; until then nothing that was read may
// be believed.
func open(ctx context.Context, stored io.Reader, identities []age.Identity, part domain.BackupPart, progress func(int64)) (*opened, error) {
	o := &opened{part: part, outside: newMeter(), inside: newMeter()}
	// One byte more than there may be shows that the object has grown.
	o.stored = io.TeeReader(io.LimitReader(&watched{ctx: ctx, r: stored, progress: progress, fault: &o.fault}, part.Stored.Bytes+1), o.outside)
	unlocked, err := age.Decrypt(o.stored, identities...)
	var locked *age.NoIdentityMatchError
	if errors.As(err, &locked) && o.intact() {
		return nil, domain.Errorf(domain.CodeBackupLocked, "none of our identities opens part %s: it was encrypted for other keys", part.Name).Because(err)
	}
	if err != nil {
		return nil, o.why(err)
	}
	o.packed, err = zstd.NewReader(unlocked, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(window), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, o.why(err)
	}
	return o, nil
}

type opened struct {
	part            domain.BackupPart
	stored          io.Reader
	packed          *zstd.Decoder
	outside, inside *meter
	fault           error // of the storage, not of what it holds
}

// Read passes plain bytes on. io.EOF comes only after everything was found to be right.
func (o *opened) Read(p []byte) (int, error) {
	n, err := o.packed.Read(p)
	_, _ = o.inside.Write(p[:n])
	if err == nil {
		return n, nil
	}
	if !errors.Is(err, io.EOF) {
		return n, o.why(err)
	}
	// The decoder stops at the end of its frame: what lies behind counts too.
	if _, err := io.Copy(io.Discard, o.stored); err != nil {
		return n, o.why(err)
	}
	if o.outside.digest() != o.part.Stored || o.inside.digest() != o.part.Plain {
		return n, fmt.Errorf("%w: part %s is not what the manifest says", errDamaged, o.part.Name)
	}
	return n, io.EOF
}

// intact reports whether the rest of the object makes it what the manifest says.
func (o *opened) intact() bool {
	_, err := io.Copy(io.Discard, o.stored)
	return err == nil && o.outside.digest() == o.part.Stored
}

func (o *opened) Close() { o.packed.Close() }

// why tells a storage that failed from an object that is damaged.
func (o *opened) why(err error) error {
	if o.fault != nil {
		return o.fault
	}
	return fmt.Errorf("%w: part %s: %w", errDamaged, o.part.Name, err)
}

// watched reports how far reading came, and stops when its context ends.
type watched struct {
	ctx      context.Context //nolint:containedctx // a reader for the length of one call
	r        io.Reader
	progress func(int64)
	done     int64
	fault    *error
}

func (w *watched) Read(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		w.broke(err)
		return 0, err
	}
	n, err := w.r.Read(p)
	w.done += int64(n)
	if n > 0 && w.progress != nil {
		w.progress(w.done)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		w.broke(err)
	}
	return n, err
}

func (w *watched) broke(err error) {
	if w.fault != nil {
		*w.fault = err
	}
}
