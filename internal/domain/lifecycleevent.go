package domain

import (
	"slices"
	"time"
)

// LifecycleEvent is one step of a deployment on one host, by the names that AWS CodeDeploy
// gave them.
type LifecycleEvent string

// The events, in their order for a host behind a load balancer.
const (
	BeforeBlockTraffic LifecycleEvent = "BeforeBlockTraffic"
	BlockTraffic       LifecycleEvent = "BlockTraffic"
	AfterBlockTraffic  LifecycleEvent = "AfterBlockTraffic"
	ApplicationStop    LifecycleEvent = "ApplicationStop"
	DownloadBundle     LifecycleEvent = "DownloadBundle"
	BeforeInstall      LifecycleEvent = "BeforeInstall"
	Install            LifecycleEvent = "Install"
	AfterInstall       LifecycleEvent = "AfterInstall"
	ApplicationStart   LifecycleEvent = "ApplicationStart"
	ValidateService    LifecycleEvent = "ValidateService"
	BeforeAllowTraffic LifecycleEvent = "BeforeAllowTraffic"
	AllowTraffic       LifecycleEvent = "AllowTraffic"
	AfterAllowTraffic  LifecycleEvent = "AfterAllowTraffic"
)

var lifecycleEvents = []LifecycleEvent{
	BeforeBlockTraffic, BlockTraffic, AfterBlockTraffic, ApplicationStop, DownloadBundle, BeforeInstall, Install,
	AfterInstall, ApplicationStart, ValidateService, BeforeAllowTraffic, AllowTraffic, AfterAllowTraffic,
}

// LifecycleEvents are all events in their order.
func LifecycleEvents() []LifecycleEvent { return slices.Clone(lifecycleEvents) }

// OfThePrevious reports whether the event runs scripts of the release that goes: only that
// one knows how it is stopped.
func (e LifecycleEvent) OfThePrevious() bool {
	return slices.Contains([]LifecycleEvent{BeforeBlockTraffic, AfterBlockTraffic, ApplicationStop}, e)
}

// Scripted reports whether a release may have scripts for the event. The others are ours:
// moving requests, fetching the bundle, putting it in its place.
func (e LifecycleEvent) Scripted() bool {
	return slices.Contains(lifecycleEvents, e) && !slices.Contains([]LifecycleEvent{BlockTraffic, DownloadBundle, Install, AllowTraffic}, e)
}

// Traffic reports whether the event moves requests at the load balancer, which another
// host's agent may do.
func (e LifecycleEvent) Traffic() bool { return e == BlockTraffic || e == AllowTraffic }

// MostEventTime bounds all scripts of one event together, and the fetching of a bundle.
const MostEventTime = 30 * time.Minute

// HostJob is one event of one deployment on one host.
type HostJob struct {
	DeploymentID string         `json:"deployment_id"`
	Environment  string         `json:"environment"`
	Service      string         `json:"service"`
	Host         string         `json:"host"`
	Event        LifecycleEvent `json:"event,omitempty"`
	// Release is the one that comes. Without a digest none does: the one that is there goes,
	// as in the rollback of the first deployment to a host.
	Release Release `json:"release"`
	// Previous is the digest of the release that goes, "" where there was none.
	Previous string `json:"previous,omitempty"`
}

// HostState is what a host holds of a service.
type HostState struct {
	// Current is the release in place; its digest is empty where there is none.
	Current Release `json:"current"`
	// Agent is the version of the agent.
	Agent string `json:"agent"`
}

// ValidDigest reports whether text is the digest of an image or a bundle.
func ValidDigest(text string) bool { return releaseDigest.MatchString(text) }
