// Package deployfile reads the file of services: which services of which environments are
// deployed how, and where. It knows no place: what a place needs to know is handed on as
// it was written.
package deployfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/careflow/careflow/internal/domain"
)

// The places that a service can be deployed to.
const (
	Host       = "host"
	Kubernetes = "kubernetes"
)

// Service is one service of one environment.
type Service struct {
	domain.DeploymentService
	// Target is Host or Kubernetes; Place is its section of the file, for Decode.
	Target string
	Place  yaml.Node
}

// Read reads and checks a file of services. Its error lists all that is wrong.
func Read(path string) ([]Service, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the file of services: %w", err)
	}
	return Parse(text)
}

// Parse reads and checks what a file of services holds. A word that it does not know is an
// error: one that was misspelt would silently be a default.
func Parse(text []byte) ([]Service, error) {
	var f struct {
		Services []service `yaml:"services"`
	}
	if err := strict(text, &f); err != nil {
		return nil, fmt.Errorf("the file of services: %w", err)
	}
	var list []Service
	var faults []error
	known := map[string]bool{}
	for i, s := range f.Services {
		made, err := s.service()
		name := s.Environment + "/" + s.Service
		if err != nil {
			faults = append(faults, fmt.Errorf("service %d (%s): %w", i+1, name, err))
		}
		if known[name] {
			faults = append(faults, fmt.Errorf("service %d (%s) is there twice", i+1, name))
		}
		known[name] = true
		list = append(list, made)
	}
	return list, errors.Join(faults...)
}

// Decode reads the section of a place strictly into one of its own.
func Decode(section yaml.Node, into any) error {
	text, err := yaml.Marshal(&section)
	if err != nil {
		return err
	}
	return strict(text, into)
}

func strict(text []byte, into any) error {
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// service is a service as it is written.
type service struct {
	Environment   string                    `yaml:"environment"`
	Service       string                    `yaml:"service"`
	Strategy      domain.DeploymentStrategy `yaml:"strategy"`
	Target        string                    `yaml:"target"`
	Hosts         []string                  `yaml:"hosts"`
	Balancer      string                    `yaml:"balancer"`
	Fleet         string                    `yaml:"fleet"`
	Instances     int                       `yaml:"instances"`
	FrontDoor     string                    `yaml:"front_door"`
	FrontPath     string                    `yaml:"front_path"`
	ReadyPath     string                    `yaml:"ready_path"`
	VersionHeader string                    `yaml:"version_header"`
	Database      string                    `yaml:"database"`
	BackupWithin  time.Duration             `yaml:"backup_within"`
	Steps         []int                     `yaml:"steps"`
	Available     time.Duration             `yaml:"available_within"`
	Approval      *struct {
		Within time.Duration `yaml:"within"`
		Asker  bool          `yaml:"asker_may_approve"`
	} `yaml:"approval"`
	Smoke      []smoke        `yaml:"smoke"`
	SmokeFile  string         `yaml:"smoke_file"`
	Watch      *watch         `yaml:"watch"`
	Warm       *time.Duration `yaml:"warm"`
	Host       yaml.Node      `yaml:"host"`
	Kubernetes yaml.Node      `yaml:"kubernetes"`
}

type watch struct {
	For              time.Duration `yaml:"for"`
	Every            time.Duration `yaml:"every"`
	Fewest           int           `yaml:"fewest_requests"`
	MostErrors       *float64      `yaml:"most_errors"`
	MostSlower       float64       `yaml:"most_slower"`
	FastEnough       time.Duration `yaml:"fast_enough"`
	PassInconclusive bool          `yaml:"pass_inconclusive"`
	MetricsPath      string        `yaml:"metrics_path"`
	Metric           string        `yaml:"metric"`
	StatusLabel      string        `yaml:"status_label"`
}

type smoke struct {
	Name     string            `yaml:"name"`
	Method   string            `yaml:"method"`
	Path     string            `yaml:"path"`
	Headers  map[string]string `yaml:"headers"`
	Body     string            `yaml:"body"`
	Status   int               `yaml:"status"`
	Within   time.Duration     `yaml:"within"`
	Contains []string          `yaml:"contains"`
	Save     map[string]string `yaml:"save"`
	SQL      string            `yaml:"sql"`
	Equals   string            `yaml:"equals"`
}
