package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

// ListAppointmentTypes lists what a doctor can be visited for.
func (h *handlers) ListAppointmentTypes(ctx context.Context, req openapi.ListAppointmentTypesRequestObject) (openapi.ListAppointmentTypesResponseObject, error) {
	ctx, who := begin(ctx)
	if req.Params.IncludeInactive && who.mayEdit(req.DoctorID) != nil {
		return nil, domain.Errorf(domain.CodeForbidden, "Types that take no bookings are listed for their doctor and for staff only.")
	}
	if _, err := h.store.Doctor(ctx, req.DoctorID); err != nil {
		return nil, err
	}
	types, err := h.store.AppointmentTypes(ctx, req.DoctorID, req.Params.IncludeInactive)
	if err != nil {
		return nil, err
	}
	return openapi.ListAppointmentTypes200JSONResponse{Items: convert(types, func(t domain.AppointmentType) openapi.AppointmentType {
		return openapi.AppointmentType{
			ID: t.ID, DoctorID: t.DoctorID, Name: t.Name, Mode: openapi.VisitMode(t.Mode), Active: t.Active,
			DurationMinutes: minutes(t.Rules.Duration), Terms: termsView(t.Terms),
		}
	})}, nil
}

// GetAppointmentType shows a type as it is edited.
func (h *handlers) GetAppointmentType(ctx context.Context, req openapi.GetAppointmentTypeRequestObject) (openapi.GetAppointmentTypeResponseObject, error) {
	ctx, who := begin(ctx)
	if err := who.mayEdit(req.DoctorID); err != nil {
		return nil, err
	}
	t, err := h.store.AppointmentType(ctx, req.DoctorID, req.TypeID)
	return openapi.GetAppointmentType200JSONResponse{AppointmentTypeFoundJSONResponse: typeFound(t)}, err
}

// CreateAppointmentType adds a type to a doctor's offer.
func (h *handlers) CreateAppointmentType(ctx context.Context, req openapi.CreateAppointmentTypeRequestObject) (openapi.CreateAppointmentTypeResponseObject, error) {
	ctx, who := begin(ctx)
	t := typeOf(req.DoctorID, domain.NewID(), *req.Body)
	if err := t.ValidateSetup(); err != nil {
		return nil, err
	}
	key, err := who.idempotencyKey(req.DoctorID, req.Params.IdempotencyKey, req.Body)
	if err != nil {
		return nil, err
	}
	stored, replayed, err := h.store.CreateAppointmentType(ctx, t, key, func(t domain.AppointmentType) (domain.StoredResponse, error) {
		made, err := jsonAnswer(http.StatusCreated, typeView(t))
		return made.stored(), err
	})
	if err != nil {
		return nil, err
	}
	return created(stored, replayed, "/v1/doctors/"+req.DoctorID+"/types/")
}

// PutAppointmentType replaces a type's settings. Booked visits keep theirs.
func (h *handlers) PutAppointmentType(ctx context.Context, req openapi.PutAppointmentTypeRequestObject) (openapi.PutAppointmentTypeResponseObject, error) {
	ctx, _ = begin(ctx)
	expect, err := ifMatch(req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	t := typeOf(req.DoctorID, req.TypeID, *req.Body)
	if err := t.ValidateSetup(); err != nil {
		return nil, err
	}
	t, err = h.store.UpdateAppointmentType(ctx, t, expect)
	return openapi.PutAppointmentType200JSONResponse{AppointmentTypeFoundJSONResponse: typeFound(t)}, err
}

// typeOf reads settings, in which the contract's defaults stand for what was left out.
func typeOf(doctorID, id string, in openapi.AppointmentTypeInput) domain.AppointmentType {
	m := func(n int) domain.Duration { return domain.Duration(time.Duration(n) * time.Minute) }
	const day = 24 * 60
	t := domain.AppointmentType{
		ID: id, DoctorID: doctorID, Name: strings.TrimSpace(in.Name), Mode: domain.VisitMode(in.Mode), Active: in.Active,
		JoinURL: strings.TrimSpace(in.JoinURL),
		Rules: domain.SlotRules{
			Duration: m(in.DurationMinutes), Step: m(in.SlotStepMinutes), MinimumNotice: m(in.MinimumNoticeMinutes),
			BookingWindow: m(in.BookingWindowDays * day),
		},
		Terms: domain.Terms{
			BufferBefore: m(in.BufferBeforeMinutes), BufferAfter: m(in.BufferAfterMinutes),
			PaymentWindow: m(in.PaymentWindowMinutes), PaymentWindowMax: m(in.PaymentWindowMaxMinutes),
			AnswerDeadline: m(in.AnswerDeadlineMinutes), AnswerCutoff: m(in.AnswerCutoffMinutes), CaptureMargin: m(in.CaptureMarginMinutes),
			InstantConfirm: in.InstantConfirm, Reminders: convert(in.ReminderMinutes, m),
			RefundTiers: convert(in.RefundTiers, func(r openapi.RefundTier) domain.RefundTier {
				return domain.RefundTier{Before: m(r.BeforeMinutes), Percent: r.Percent}
			}),
			NoShowGrace: m(in.NoShowGraceMinutes), NoShowFeeShare: in.NoShowFeePercent, DisputePeriod: m(in.DisputePeriodMinutes),
			RescheduleLimit: in.RescheduleLimit, RescheduleUntil: m(in.RescheduleUntilMinutes), Reconfirm: in.Reconfirm,
			Retention: m(in.RetentionDays * day),
		},
	}
	if in.Price.Currency != "" {
		t.OwnPrice = &domain.Money{Minor: in.Price.Minor, Currency: in.Price.Currency}
	}
	return t
}

func typeFound(t domain.AppointmentType) openapi.AppointmentTypeFoundJSONResponse {
	return openapi.AppointmentTypeFoundJSONResponse{
		Headers: openapi.AppointmentTypeFoundResponseHeaders{ETag: etag(t.Version)}, Body: typeView(t),
	}
}

func typeView(t domain.AppointmentType) openapi.AppointmentTypeDetail {
	const day = 24 * 60
	x := t.Terms
	settings := openapi.AppointmentTypeSettings{
		Name: t.Name, Mode: openapi.AppointmentTypeSettingsMode(t.Mode), Active: t.Active, JoinURL: t.JoinURL,
		DurationMinutes: minutes(t.Rules.Duration), SlotStepMinutes: minutes(t.Rules.Step),
		MinimumNoticeMinutes: minutes(t.Rules.MinimumNotice), BookingWindowDays: minutes(t.Rules.BookingWindow) / day,
		BufferBeforeMinutes: minutes(x.BufferBefore), BufferAfterMinutes: minutes(x.BufferAfter),
		PaymentWindowMinutes: minutes(x.PaymentWindow), PaymentWindowMaxMinutes: minutes(x.PaymentWindowMax),
		InstantConfirm: x.InstantConfirm, AnswerDeadlineMinutes: minutes(x.AnswerDeadline),
		AnswerCutoffMinutes: minutes(x.AnswerCutoff), CaptureMarginMinutes: minutes(x.CaptureMargin),
		ReminderMinutes: convert(x.Reminders, minutes), RefundTiers: termsView(x).RefundTiers,
		NoShowGraceMinutes: minutes(x.NoShowGrace), NoShowFeePercent: x.NoShowFeeShare,
		DisputePeriodMinutes: minutes(domain.Duration(x.DisputeWindow())),
		RescheduleLimit:      x.RescheduleLimit, RescheduleUntilMinutes: minutes(x.RescheduleUntil), Reconfirm: x.Reconfirm,
		RetentionDays: minutes(x.Retention) / day,
	}
	if t.OwnPrice != nil {
		settings.Price.Minor, settings.Price.Currency = t.OwnPrice.Minor, t.OwnPrice.Currency
	}
	return openapi.AppointmentTypeDetail{
		ID: t.ID, DoctorID: t.DoctorID, EffectivePrice: money(x.Price.Minor, x.Price.Currency), Settings: settings,
	}
}

// idOf reads the ID of something that was rendered.
func idOf(body []byte) (string, error) {
	var made struct {
		ID string `json:"id"`
	}
	err := json.Unmarshal(body, &made)
	return made.ID, err
}
