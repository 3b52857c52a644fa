package appointment

import (
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"
)

// RegisterRecords registers the activities of the workflows' own task queue.
func RegisterRecords(r worker.ActivityRegistry, a *Records) {
	r.RegisterActivityWithOptions(a.Claim, activity.RegisterOptions{Name: Claim})
	r.RegisterActivityWithOptions(a.Transition, activity.RegisterOptions{Name: Transition})
	r.RegisterActivityWithOptions(a.ReportStuck, activity.RegisterOptions{Name: ReportStuck})
	r.RegisterActivityWithOptions(a.NoticeSent, activity.RegisterOptions{Name: NoticeSent})
}

// RegisterPayments registers the activities of the payment provider's task queue.
func RegisterPayments(r worker.ActivityRegistry, a *Payments) {
	r.RegisterActivityWithOptions(a.OpenPayment, activity.RegisterOptions{Name: OpenPayment})
	r.RegisterActivityWithOptions(a.ReadPayment, activity.RegisterOptions{Name: ReadPayment})
	r.RegisterActivityWithOptions(a.CapturePayment, activity.RegisterOptions{Name: CapturePayment})
	r.RegisterActivityWithOptions(a.SettlePayments, activity.RegisterOptions{Name: SettlePayments})
}

// RegisterMail registers the activities of the mail vendor's task queue.
func RegisterMail(r worker.ActivityRegistry, a *Mail) {
	r.RegisterActivityWithOptions(a.DeliverMail, activity.RegisterOptions{Name: DeliverMail})
}
