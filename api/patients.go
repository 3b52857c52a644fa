package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

// ListPatients lists whom the account may book for.
func (h *handlers) ListPatients(ctx context.Context, req openapi.ListPatientsRequestObject) (openapi.ListPatientsResponseObject, error) {
	ctx, who := begin(ctx)
	account, err := who.account(req.Params.AccountID)
	if err != nil {
		return nil, err
	}
	patients, err := h.store.Patients(ctx, account)
	if err != nil {
		return nil, err
	}
	return openapi.ListPatients200JSONResponse{Items: convert(patients, patientView)}, nil
}

// GetPatient shows one patient.
func (h *handlers) GetPatient(ctx context.Context, req openapi.GetPatientRequestObject) (openapi.GetPatientResponseObject, error) {
	ctx, who := begin(ctx)
	p, err := h.store.Patient(ctx, who.family(), req.PatientID)
	return openapi.GetPatient200JSONResponse{PatientFoundJSONResponse: patientFound(p)}, err
}

// CreatePatient adds a patient to an account.
func (h *handlers) CreatePatient(ctx context.Context, req openapi.CreatePatientRequestObject) (openapi.CreatePatientResponseObject, error) {
	ctx, who := begin(ctx)
	in := *req.Body
	account, err := who.account(in.AccountID)
	if err != nil {
		return nil, err
	}
	p := patientOf(openapi.PatientInput{
		Name: in.Name, Relation: openapi.PatientInputRelation(in.Relation), DateOfBirth: in.DateOfBirth,
		Gender: in.Gender, Phone: in.Phone, TimeZone: in.TimeZone,
	})
	p.ID, p.AccountID = domain.NewID(), account
	if err := p.Validate(h.cfg.Clock()); err != nil {
		return nil, err
	}
	key, err := who.idempotencyKey("", req.Params.IdempotencyKey, req.Body)
	if err != nil {
		return nil, err
	}
	stored, replayed, err := h.store.CreatePatient(ctx, p, key, func(p domain.Patient) (domain.StoredResponse, error) {
		made, err := jsonAnswer(http.StatusCreated, patientView(p))
		return made.stored(), err
	})
	if err != nil {
		return nil, err
	}
	return created(stored, replayed, "/v1/patients/")
}

// PutPatient replaces what is known of a patient.
func (h *handlers) PutPatient(ctx context.Context, req openapi.PutPatientRequestObject) (openapi.PutPatientResponseObject, error) {
	ctx, who := begin(ctx)
	expect, err := ifMatch(req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	p := patientOf(*req.Body)
	p.ID, p.AccountID = req.PatientID, who.family()
	if err := p.Validate(h.cfg.Clock()); err != nil {
		return nil, err
	}
	p, err = h.store.UpdatePatient(ctx, p, expect)
	return openapi.PutPatient200JSONResponse{PatientFoundJSONResponse: patientFound(p)}, err
}

// family is the account whose patients the visitor sees; empty for staff, who see all.
func (v *visitor) family() string {
	if v.summary().staff {
		return ""
	}
	return v.caller.UserID
}

// account is the account that a request is about: the own one, or for staff any.
func (v *visitor) account(asked string) (string, error) {
	if asked == "" || asked == v.caller.UserID {
		return v.caller.UserID, nil
	}
	if !v.summary().staff {
		return "", domain.Errorf(domain.CodeForbidden, "Another account's patients are for staff only.")
	}
	return asked, nil
}

func patientOf(in openapi.PatientInput) domain.Patient {
	return domain.Patient{
		Name: strings.TrimSpace(in.Name), Relation: string(in.Relation), DateOfBirth: in.DateOfBirth,
		Gender: strings.TrimSpace(in.Gender), Phone: in.Phone, Zone: in.TimeZone,
	}
}

func patientFound(p domain.Patient) openapi.PatientFoundJSONResponse {
	return openapi.PatientFoundJSONResponse{Headers: openapi.PatientFoundResponseHeaders{ETag: etag(p.Version)}, Body: patientView(p)}
}

func patientView(p domain.Patient) openapi.Patient {
	return openapi.Patient{
		ID: p.ID, AccountID: p.AccountID, Name: p.Name, Relation: p.Relation, DateOfBirth: p.DateOfBirth,
		Gender: p.Gender, Phone: p.Phone, TimeZone: p.Zone,
	}
}
