package kubenode

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// ImageFolder is where the image of a digest ("sha256:…") lies below the folder of the
// images. It holds the files of the image at their paths; the program that the image
// starts is named entrypoint.
func ImageFolder(images, digest string) string {
	return filepath.Join(images, strings.ReplaceAll(digest, ":", "-"))
}

// Load makes an image of one program and returns its digest, which is the program's: the
// same program is the same image.
func Load(images, program string) (string, error) {
	in, err := os.Open(program)
	if err != nil {
		return "", err
	}
	defer func() { _ = in.Close() }()
	sum := sha256.New()
	if _, err := io.Copy(sum, in); err != nil {
		return "", err
	}
	digest := fmt.Sprintf("sha256:%x", sum.Sum(nil))
	folder := ImageFolder(images, digest)
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return "", err
	}
	err = os.Link(program, filepath.Join(folder, "entrypoint"))
	if err == nil || errors.Is(err, os.ErrExist) {
		return digest, nil
	}
	return digest, copyProgram(program, filepath.Join(folder, "entrypoint"))
}

func copyProgram(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	// Renamed into place: a half-written program must not be run.
	if err := os.WriteFile(to+".new", content, 0o700); err != nil { //nolint:gosec // G306: a program
		return err
	}
	return os.Rename(to+".new", to)
}

// find returns the folder of an image, named by digest.
func find(images, image string) (string, error) {
	_, digest, found := strings.Cut(image, "@")
	if !found {
		return "", fmt.Errorf("image %q has no digest: this node has no registry to ask what a tag means", image)
	}
	folder := ImageFolder(images, digest)
	if _, err := os.Stat(filepath.Join(folder, "entrypoint")); err != nil {
		return "", fmt.Errorf("failed to pull and unpack image %q: not found", image)
	}
	return folder, nil
}

// program returns what a container of the image runs.
func program(folder string, command []string) string {
	if len(command) == 0 {
		return filepath.Join(folder, "entrypoint")
	}
	inside := filepath.Join(folder, filepath.Clean("/"+command[0]))
	if _, err := os.Stat(inside); err == nil {
		return inside
	}
	return command[0]
}
