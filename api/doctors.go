package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

// ListDoctors searches for doctors, a page at a time.
func (h *handlers) ListDoctors(ctx context.Context, req openapi.ListDoctorsRequestObject) (openapi.ListDoctorsResponseObject, error) {
	ctx, who := begin(ctx)
	p := req.Params
	if p.IncludeInactive && !who.summary().staff {
		return nil, domain.Errorf(domain.CodeForbidden, "Doctors who take no appointments are listed for staff only.")
	}
	page := domain.DoctorPage{Limit: p.Limit + 1} // one more tells whether there is another page
	if p.Cursor != "" {
		var err error
		if page.AfterName, page.AfterID, err = decodeDoctorCursor(p.Cursor); err != nil {
			return nil, err
		}
	}
	doctors, err := h.store.Doctors(ctx, domain.DoctorFilter{Name: p.Name, Speciality: p.Speciality, InactiveToo: p.IncludeInactive}, page)
	if err != nil {
		return nil, err
	}
	doctors, next := cutPage(doctors, p.Limit, encodeDoctorCursor)
	return openapi.ListDoctors200JSONResponse{NextCursor: next, Items: convert(doctors, func(d domain.Doctor) openapi.Doctor {
		return doctorView(d, who.summary())
	})}, nil
}

// GetDoctor shows one doctor.
func (h *handlers) GetDoctor(ctx context.Context, req openapi.GetDoctorRequestObject) (openapi.GetDoctorResponseObject, error) {
	ctx, who := begin(ctx)
	d, err := h.store.Doctor(ctx, req.DoctorID)
	return openapi.GetDoctor200JSONResponse{DoctorFoundJSONResponse: doctorFound(d, who)}, err
}

// CreateDoctor adds a doctor without hours.
func (h *handlers) CreateDoctor(ctx context.Context, req openapi.CreateDoctorRequestObject) (openapi.CreateDoctorResponseObject, error) {
	ctx, who := begin(ctx)
	d := doctorOf(domain.NewID(), *req.Body)
	if err := d.Validate(h.cfg.Clock()); err != nil {
		return nil, err
	}
	key, err := who.idempotencyKey("", req.Params.IdempotencyKey, req.Body)
	if err != nil {
		return nil, err
	}
	stored, replayed, err := h.store.CreateDoctor(ctx, d, key, func(d domain.Doctor) (domain.StoredResponse, error) {
		made, err := jsonAnswer(http.StatusCreated, doctorView(d, who.summary()))
		return made.stored(), err
	})
	if err != nil {
		return nil, err
	}
	return created(stored, replayed, "/v1/doctors/")
}

// PutDoctor replaces a doctor's profile.
func (h *handlers) PutDoctor(ctx context.Context, req openapi.PutDoctorRequestObject) (openapi.PutDoctorResponseObject, error) {
	ctx, who := begin(ctx)
	expect, err := ifMatch(req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	d := doctorOf(req.DoctorID, *req.Body)
	if err := d.Validate(h.cfg.Clock()); err != nil {
		return nil, err
	}
	d, err = h.store.UpdateDoctor(ctx, d, expect)
	return openapi.PutDoctor200JSONResponse{DoctorFoundJSONResponse: doctorFound(d, who)}, err
}

func doctorOf(id string, in openapi.DoctorInput) domain.Doctor {
	return domain.Doctor{
		ID: id, Name: strings.TrimSpace(in.Name), Speciality: strings.TrimSpace(in.Speciality), Degree: in.Degree,
		PractisingSince: in.PractisingSince, About: in.About, Address: in.Address, PictureURL: in.PictureURL,
		Zone: in.TimeZone, Languages: in.Languages, Active: in.Active, Email: strings.ToLower(strings.TrimSpace(in.Email)),
		ExternalID:      strings.TrimSpace(in.ExternalID),
		ConsultationFee: domain.Money{Minor: in.ConsultationFee.Minor, Currency: in.ConsultationFee.Currency},
	}
}

func doctorFound(d domain.Doctor, who *visitor) openapi.DoctorFoundJSONResponse {
	return openapi.DoctorFoundJSONResponse{
		Headers: openapi.DoctorFoundResponseHeaders{ETag: etag(d.Version)}, Body: doctorView(d, who.summary()),
	}
}

func doctorView(d domain.Doctor, to audience) openapi.Doctor {
	view := openapi.Doctor{
		ID: d.ID, Name: d.Name, Speciality: d.Speciality, Degree: d.Degree, PractisingSince: d.PractisingSince, About: d.About,
		Address: d.Address, PictureURL: d.PictureURL, TimeZone: d.Zone, Active: d.Active,
		Languages:       convert(d.Languages, func(l string) string { return l }),
		ConsultationFee: money(d.ConsultationFee.Minor, d.ConsultationFee.Currency),
	}
	if to.staff {
		view.Email, view.ExternalID = d.Email, d.ExternalID
	}
	return view
}

// created answers for something new at folder, now or when its key was first used. Its
// ETag is the one it was made with: who edits on it after a replay learns of later edits.
func created(stored domain.StoredResponse, replayed bool, folder string) (answer, error) {
	id, err := idOf(stored.Body)
	if err != nil {
		return answer{}, fmt.Errorf("read the stored answer: %w", err)
	}
	made := answerOf(stored).with("Location", folder+id).with("ETag", etag(1))
	if replayed {
		made = made.with(headerReplayed, "true")
	}
	return made, nil
}
