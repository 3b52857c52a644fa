package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

// Each operation of the contract, called with the contract's own examples, as each role
// and as nobody: it answers exactly those whom x-careflow-roles names.
func TestEveryOperationAsEveryRoleAndAsNobody(t *testing.T) {
	for key, op := range newHarness(t).server.operations {
		t.Run(op.id, func(t *testing.T) {
			for _, role := range append(domain.Roles(), "") {
				h := newHarness(t)
				hash, err := passwordHash()
				require.NoError(t, err)
				h.store.accounts[email] = domain.Account{ID: idAccount, Email: email, Name: "Ada", PasswordHash: hash, Roles: []domain.Role{role}}
				if op.id == "getVisitMovePage" { // only of a visit that is paid
					a := exampleVisit()
					a.Status = domain.StatusConfirmed
					h.store.visits[a.ID] = a
				}
				req := exampleRequest(t, op)
				if role != "" {
					req.token = h.as(role)
				}
				got := h.do(req)
				switch {
				case op.public || slices.Contains(op.roles, role):
					require.Less(t, got.Code, 300, "%s as %q: %s", key, role, got.Body)
				case role == "":
					got.problem(http.StatusUnauthorized, domain.CodeUnauthenticated)
					require.Contains(t, got.Header().Get("WWW-Authenticate"), "Bearer")
				default:
					got.problem(http.StatusForbidden, domain.CodeForbidden)
				}
				if !op.public && !slices.Contains(op.roles, role) {
					require.Empty(t, h.store.reads, "nothing is read for those who may not")
					require.Empty(t, h.commands.calls)
				}
			}
		})
	}
}

const formType = "application/x-www-form-urlencoded"

// exampleRequest is the request that the contract's examples make.
func exampleRequest(t *testing.T, op *operation) request {
	t.Helper()
	r := request{method: op.route.Method, path: op.route.Path}
	query := url.Values{}
	for _, p := range slices.Concat(op.route.PathItem.Parameters, op.route.Operation.Parameters) {
		value := fmt.Sprint(p.Value.Example)
		if p.Value.Required {
			require.NotNil(t, p.Value.Example, "%s: required parameter %s has an example", op.id, p.Value.Name)
		}
		switch p.Value.In {
		case "path":
			r.path = strings.ReplaceAll(r.path, "{"+p.Value.Name+"}", value)
		case "query":
			if p.Value.Required {
				query.Set(p.Value.Name, value)
			}
		case "header":
			if p.Value.Required {
				r.headers = append(r.headers, p.Value.Name, value)
			}
		}
	}
	if len(query) > 0 {
		r.path += "?" + query.Encode()
	}
	if body := op.route.Operation.RequestBody; body != nil {
		for contentType, media := range body.Value.Content {
			require.NotNil(t, media.Example, "%s: the body has an example", op.id)
			if contentType == formType {
				form := url.Values{}
				for name, value := range media.Example.(map[string]any) {
					form.Set(name, fmt.Sprint(value))
				}
				r.body, r.headers = form.Encode(), append(r.headers, "Content-Type", formType)
				continue
			}
			if text, ok := media.Example.(string); ok {
				r.body = text
				continue
			}
			raw, err := json.Marshal(media.Example)
			require.NoError(t, err)
			r.body = string(raw)
		}
	}
	return r
}

func TestTheContractNamesWhoMayCallWhat(t *testing.T) {
	got := map[string]string{}
	for _, op := range newHarness(t).server.operations {
		who := "public"
		if !op.public {
			names := make([]string, 0, len(op.roles))
			for _, r := range op.roles {
				names = append(names, string(r))
			}
			who = strings.Join(names, " ")
		}
		got[op.id] = who
	}
	// Written out on purpose: a change of access shows in a review twice.
	require.Equal(t, map[string]string{
		"createSession": "public", "getMe": "patient caregiver doctor staff admin ops", "listPatients": "patient caregiver staff admin",
		"listDoctors": "patient caregiver doctor staff admin", "getDoctor": "patient caregiver doctor staff admin",
		"listAppointmentTypes": "patient caregiver doctor staff admin", "listSlots": "patient caregiver doctor staff admin",
		"searchSlots":     "patient caregiver doctor staff admin",
		"bookAppointment": "patient caregiver staff", "listAppointments": "patient caregiver doctor staff admin",
		"getAppointment":        "patient caregiver doctor staff admin",
		"listAppointmentEvents": "patient caregiver doctor staff admin", "listAppointmentMessages": "staff admin",
		"listAppointmentReceipts": "patient caregiver staff admin",
		"confirmAppointment":      "doctor staff", "declineAppointment": "doctor staff",
		"cancelAppointment": "patient caregiver doctor staff", "rescheduleAppointment": "patient caregiver doctor staff",
		"checkInAppointment": "doctor staff", "completeAppointment": "doctor staff", "markNoShow": "doctor staff",
		"correctAppointment": "staff", "disputeNoShowFee": "patient caregiver", "upholdNoShowFee": "staff", "waiveNoShowFee": "staff",
		"listAlternatives": "patient caregiver staff",
		"refreshSession":   "public", "getKeySet": "public", "listSessions": "patient caregiver doctor staff admin ops",
		"endSession": "patient caregiver doctor staff admin ops", "endSessions": "patient caregiver doctor staff admin ops",
		"changePassword": "patient caregiver doctor staff admin ops", "listAccounts": "staff admin", "createAccount": "staff admin",
		"getAccount": "staff admin", "changeAccount": "staff admin", "resetAccountPassword": "staff admin", "listAccountEvents": "staff admin",
		"listBackups": "admin ops", "startBackup": "admin ops", "getBackup": "admin ops", "verifyBackup": "admin ops", "holdBackup": "admin ops",
		"releaseBackup": "admin ops", "cancelBackup": "admin ops", "previewRetention": "admin ops", "applyRetention": "admin ops",
		"getBackupSchedule": "admin ops", "pauseBackupSchedule": "admin ops", "resumeBackupSchedule": "admin ops",
		"listServices": "admin ops", "listDeployments": "admin ops", "startDeployment": "admin ops", "startTrain": "admin ops", "getDeployment": "admin ops",
		"getDeploymentStep": "admin ops", "approveDeployment": "admin ops", "pauseDeployment": "admin ops", "resumeDeployment": "admin ops",
		"abortDeployment": "admin ops", "rollbackDeployment": "admin ops",
		"listRestores": "admin ops", "startRestore": "admin ops", "startTableRestore": "admin ops", "getRestore": "admin ops", "decideRestore": "admin ops",
		"listRestoreVisits": "staff admin ops",
		"listHousekeeping":  "admin ops", "startHousekeeping": "admin ops",
		"listAccountMessages": "staff admin", "register": "public", "resendVerification": "public", "verifyEmail": "public",
		"requestPasswordReset": "public", "redeemPasswordReset": "public",
		"getConfirmEmailPage": "public", "confirmEmailByLink": "public", "getNewPasswordPage": "public", "chooseNewPassword": "public",
		"listReconciliations": "staff admin ops", "startReconciliation": "staff admin ops",
		"retryAppointment": "staff", "resolveAppointment": "staff",
		"listPaymentCases": "staff admin", "getPaymentCase": "staff admin", "retryPaymentCase": "staff admin", "resolvePaymentCase": "staff admin",
		"getDoctorHours": "doctor staff admin", "putDoctorHours": "doctor staff admin", "listDoctorOverrides": "doctor staff admin",
		"putDoctorOverride": "doctor staff admin", "deleteDoctorOverride": "doctor staff admin",
		"createDoctor": "staff admin", "putDoctor": "staff admin", "getAppointmentType": "doctor staff admin",
		"createAppointmentType": "staff admin", "putAppointmentType": "staff admin",
		"createPatient": "patient caregiver staff admin", "getPatient": "patient caregiver staff admin", "putPatient": "patient caregiver staff admin",
		"listTimeOff": "doctor staff admin", "addTimeOff": "doctor staff admin", "deleteTimeOff": "doctor staff admin",
		"streamAppointment":    "patient caregiver doctor staff admin",
		"listTroubledMessages": "staff admin", "resendMessage": "staff admin", "receiveSendGridWebhook": "public",
		"receiveStripeWebhook": "public", "getHealth": "public", "getReadiness": "public", "getMetrics": "public",
		"getContract": "public", "getDocs": "public", "getPageAsset": "public",
		// Behind signed links: who holds one is let in, and sees that visit alone.
		"getPayPage": "public", "getPayState": "public", "getVisitPage": "public", "getVisitCancelPage": "public",
		"cancelVisitByLink": "public", "getVisitMovePage": "public", "moveVisitByLink": "public",
	}, got)
}

func TestTokensThatOpenNothing(t *testing.T) {
	h := newHarness(t)
	good := h.as(domain.RolePatient)
	for name, header := range map[string]string{
		"no header": "", "no scheme": strings.TrimPrefix(good, "Bearer "), "basic": "Basic YTpi", "empty": "Bearer ",
		"two": good + " x", "changed": good[:len(good)-3] + "AAA", "none": "Bearer eyJhbGciOiJub25lIn0.e30.",
	} {
		t.Run(name, func(t *testing.T) {
			h.get("/v1/doctors", header).problem(http.StatusUnauthorized, domain.CodeUnauthenticated)
		})
	}
	h.get("/v1/doctors", strings.Replace(good, "Bearer", "bearer", 1)).status(http.StatusOK)
}

func TestADisabledAccountIsNobody(t *testing.T) {
	h := newHarness(t)
	h.store.accounts[email] = domain.Account{ID: idAccount, Email: email, Disabled: true}
	h.get("/v1/me", h.as(domain.RolePatient)).problem(http.StatusUnauthorized, domain.CodeUnauthenticated)
}
