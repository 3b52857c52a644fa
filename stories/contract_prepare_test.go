package stories_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/seed"
	"github.com/careflow/careflow/internal/sandbox"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
	"github.com/careflow/careflow/workflows/backup"
	"github.com/careflow/careflow/workflows/backup/backupclient"
)

// known are values by the name of the parameter or property they stand in.
type known = map[string][]string

// preparations bring about what an operation needs to be served well: a visit in the right
// state, a secret that only a letter has. They return where the generator finds it.
var preparations = map[string]func(*contractRun) known{
	"bookAppointment": func(r *contractRun) known {
		return known{"starts_at": r.freeTimes(), "patient_id": {seed.PatientID}, "doctor_id": {r.doctor}, "type_id": {r.free}}
	},
	"searchSlots": func(r *contractRun) known {
		// A price goes with its currency, and a cursor with the page before it.
		return known{"doctor_id": {r.doctor}, "type_id": {r.free}, "type_name": {"Visit"}, "speciality": {}, "language": {}, "cursor": {}, "max_price_minor": {}, "max_price_currency": {}}
	},
	"putDoctor": func(r *contractRun) known {
		// An address or a name elsewhere that another doctor has is a conflict.
		return known{"doctor_id": {r.otherDoctor()}, "If-Match": {"*"}, "email": {domain.NewID() + "@careflow.example"}, "external_id": {domain.NewID()}}
	},
	"confirmAppointment":    func(r *contractRun) known { return visit(r.pending()) },
	"declineAppointment":    func(r *contractRun) known { return visit(r.pending()) },
	"cancelAppointment":     func(r *contractRun) known { return visit(r.pending()) },
	"rescheduleAppointment": func(r *contractRun) known { return with(visit(r.pending()), "starts_at", r.freeTimes()...) },
	"checkInAppointment":    func(r *contractRun) known { return visit(r.today()) },
	"completeAppointment": func(r *contractRun) known {
		id := r.today()
		r.desk.Must(id, "check-in", nil)
		return visit(id)
	},
	"markNoShow":         func(r *contractRun) known { return visit(r.begun[0]) },
	"correctAppointment": func(r *contractRun) known { return visit(r.notAttended(r.begun[1])) },
	"disputeNoShowFee":   func(r *contractRun) known { return visit(r.notAttended(r.begun[2])) },
	"upholdNoShowFee":    func(r *contractRun) known { return visit(r.objectedTo(r.begun[3])) },
	"waiveNoShowFee":     func(r *contractRun) known { return visit(r.objectedTo(r.begun[4])) },
	"resolveAppointment": func(r *contractRun) known {
		id := r.pending()
		r.c.Exec(`UPDATE appointments SET stuck = 'version_conflict' WHERE id = $1`, id)
		return visit(id)
	},
	"receiveStripeWebhook":   func(*contractRun) known { return signedByStripe() },
	"receiveSendGridWebhook": func(*contractRun) known { return signedBySendGrid() },
	"resendMessage":          (*contractRun).lostMessage,
	"getPaymentCase":         (*contractRun).openCase,
	"retryPaymentCase":       (*contractRun).openCase,
	"resolvePaymentCase":     (*contractRun).openCase,

	"getPayPage":         func(r *contractRun) known { return token(r.payLink()) },
	"getPayState":        func(r *contractRun) known { return token(r.payLink()) },
	"getVisitPage":       func(r *contractRun) known { return token(r.visitLink()) },
	"getVisitCancelPage": func(r *contractRun) known { return token(r.visitLink()) },
	"cancelVisitByLink":  func(r *contractRun) known { return token(r.visitLink()) },
	"getVisitMovePage":   func(r *contractRun) known { return token(r.visitLink()) },
	"moveVisitByLink":    func(r *contractRun) known { return with(token(r.visitLink()), "starts_at", r.freeTimes()...) },

	"createSession":       func(r *contractRun) known { return known{"email": {r.owner()}, "password": {seed.Password}} },
	"refreshSession":      func(r *contractRun) known { return known{"refresh_token": {r.session(r.owner()).RefreshToken}} },
	"changePassword":      func(*contractRun) known { return known{"current_password": {seed.Password}} },
	"verifyEmail":         func(r *contractRun) known { return with(token(r.registered()), "password", chosen) },
	"getConfirmEmailPage": func(r *contractRun) known { return token(r.registered()) },
	"confirmEmailByLink":  func(r *contractRun) known { return with(token(r.registered()), "password", chosen) },
	"redeemPasswordReset": func(r *contractRun) known { return token(r.forgotten()) },
	"getNewPasswordPage":  func(r *contractRun) known { return token(r.forgotten()) },
	"chooseNewPassword": func(r *contractRun) known {
		return with(with(token(r.forgotten()), "new_password", chosen), "again", chosen)
	},

	"getDeployment":      (*contractRun).deployed,
	"getDeploymentStep":  func(r *contractRun) known { return with(r.deployed(), "seq", "1") },
	"startDeployment":    (*contractRun).deployable,
	"startTrain":         (*contractRun).deployable,
	"approveDeployment":  (*contractRun).waitingTrain,
	"pauseDeployment":    (*contractRun).waitingTrain,
	"abortDeployment":    (*contractRun).waitingTrain,
	"rollbackDeployment": (*contractRun).waitingTrain,
	"resumeDeployment": func(r *contractRun) known {
		k := r.waitingTrain()
		require.Equal(r.t, http.StatusOK, say(r.users["ops"], k["deployment_id"][0], "pause").Status)
		return k
	},

	"startBackup":          func(*contractRun) known { return known{"target": {"clinic"}} },
	"getBackup":            (*contractRun).savedBackup,
	"verifyBackup":         (*contractRun).savedBackup,
	"holdBackup":           (*contractRun).savedBackup,
	"releaseBackup":        (*contractRun).heldBackup,
	"cancelBackup":         (*contractRun).runningBackup,
	"previewRetention":     func(*contractRun) known { return known{"target": {"clinic"}} },
	"applyRetention":       func(*contractRun) known { return known{"target": {"clinic"}} },
	"startRestore":         (*contractRun).restorable,
	"startTableRestore":    func(r *contractRun) known { return with(r.restorable(), "table", "clinics") },
	"getRestore":           (*contractRun).waitingRestore,
	"listRestoreVisits":    (*contractRun).waitingRestore,
	"decideRestore":        func(r *contractRun) known { return with(r.waitingRestore(), "word", "abort") },
	"getBackupSchedule":    (*contractRun).scheduled,
	"pauseBackupSchedule":  (*contractRun).scheduled,
	"resumeBackupSchedule": (*contractRun).scheduled,
}

// afterTheStart are the operations whose visits must have begun: they come last.
var afterTheStart = []string{"markNoShow", "correctAppointment", "disputeNoShowFee", "upholdNoShowFee", "waiveNoShowFee"}

func visit(id string) known    { return known{"appointment_id": {id}} }
func token(value string) known { return known{"token": {value}} }

func with(k known, name string, values ...string) known { k[name] = values; return k }

// slot is a time at which nobody has anything yet.
func (r *contractRun) slot() time.Time {
	r.slots++
	return clinic.InMinutes(21*24*60 + 45*r.slots)
}

func (r *contractRun) freeTimes() (times []string) {
	for range 3 {
		times = append(times, r.slot().UTC().Format(time.RFC3339))
	}
	return times
}

// newDoctor adds a doctor who is there around the clock and whom no request changes: none
// knows of them but where visits are booked.
func (r *contractRun) newDoctor() {
	account := domain.NewID()
	r.doctor = domain.NewID()
	r.c.Exec(`INSERT INTO users (id, email, name, password_hash, roles) VALUES ($1, $2, 'Dr. Own', '', '{doctor}')`, account, account+"@careflow.example")
	r.c.Exec(`INSERT INTO doctors (id, user_id, clinic_id, name, time_zone, fee_minor, fee_currency)
		SELECT $1, $2, clinic_id, 'Dr. Own', time_zone, 8000, 'EUR' FROM doctors WHERE id = $3`, r.doctor, account, seed.DoctorDemoID)
	r.c.Exec(`INSERT INTO doctor_schedules (doctor_id) VALUES ($1)`, r.doctor)
	r.c.Exec(`INSERT INTO doctor_hours (doctor_id, weekday, start_minute, end_minute) SELECT $1, d, 0, 1440 FROM generate_series(0, 6) d`, r.doctor)
	r.free = r.newType(0, `{}`)
}

// otherDoctor is one whom nobody else needs as they are.
func (r *contractRun) otherDoctor() string {
	id := domain.NewID()
	r.c.Exec(`INSERT INTO doctors (id, clinic_id, name, time_zone, fee_minor, fee_currency)
		SELECT $1, clinic_id, 'Dr. Other', time_zone, 8000, 'EUR' FROM doctors WHERE id = $2`, id, seed.DoctorDemoID)
	r.c.Exec(`INSERT INTO doctor_schedules (doctor_id) VALUES ($1)`, id)
	return id
}

// newType gives that doctor another kind of visit.
func (r *contractRun) newType(minor int, terms string) string {
	id := r.c.NewType(30, terms)
	r.c.Exec(`UPDATE appointment_types SET doctor_id = $2, price_minor = $3 WHERE id = $1`, id, r.doctor, minor)
	return id
}

// book books a visit with that doctor at the first of the times that is free: requests
// before may have booked one of them.
func (r *contractRun) book(next func() time.Time, typeID string) (id string) {
	testkit.Eventually(r.t, func() bool {
		b := clinic.Booking(next())
		b.DoctorID, b.TypeID = r.doctor, typeID
		a := r.desk.Do(http.MethodPost, "/v1/appointments", b, "Idempotency-Key", domain.NewID())
		var booked openapi.Appointment
		if a.Status != http.StatusCreated || json.Unmarshal(a.Body, &booked) != nil {
			return false
		}
		id = booked.ID
		return true
	}, "a visit can be booked")
	return id
}

// pending books a free visit that waits for its doctor.
func (r *contractRun) pending() string {
	id := r.book(r.slot, r.free)
	r.desk.Await(id, domain.StatusPending)
	return id
}

// today books a confirmed visit within the hours in which one checks in.
func (r *contractRun) today() string {
	in := 15
	soon := func() time.Time { in += 45; return clinic.InMinutes(in) }
	id := r.book(soon, r.newType(0, `{"instant_confirm": true}`))
	r.desk.Await(id, domain.StatusConfirmed)
	return id
}

// bookBegun books visits that cost a fee when nobody comes and that begin soon, before
// there is a worker.
func (r *contractRun) bookBegun(start time.Time) {
	for n := range afterTheStart {
		id := r.book(r.slot, r.newType(8000, soonOver+`"dispute_period": "10m"}`))
		r.start = start.Add(time.Duration(n) * 2 * time.Second) // one patient, one place
		r.c.BringForward(id, r.start, time.Second)
		r.begun = append(r.begun, id)
	}
}

// notAttended waits until a visit has begun, and marks it.
func (r *contractRun) notAttended(id string) string {
	r.c.WaitUntil(r.start)
	r.desk.Must(id, "no-show", nil)
	r.desk.Await(id, domain.StatusNoShow)
	return id
}

func (r *contractRun) objectedTo(id string) string {
	r.notAttended(id)
	r.users["patient"].Must(id, "dispute", map[string]string{"reason_code": "was_there"})
	return id
}

// paid books a paid and confirmed visit.
func (r *contractRun) paid() string {
	id := r.book(r.slot, r.newType(8000, `{"instant_confirm": true}`))
	require.NoError(r.t, r.c.Sandbox.Pay(r.c.Intent(r.desk, id)))
	r.desk.Await(id, domain.StatusConfirmed)
	return id
}

// lostMessage is a message that did not get out, of a visit it is still right for.
func (r *contractRun) lostMessage() known {
	id := r.pending()
	var message string
	testkit.Eventually(r.t, func() bool {
		return r.c.DB.QueryRow(r.t.Context(), `UPDATE messages SET status = 'failed', error_code = 'recipient_rejected'
			WHERE appointment_id = $1 AND kind = 'request_to_doctor' AND status = 'sent' RETURNING id::text`, id).Scan(&message) == nil
	}, "the doctor is asked")
	return with(visit(id), "message_id", message)
}

// openCase is a payment case that waits for a person: a refund that came back.
func (r *contractRun) openCase() known {
	id := r.paid()
	r.desk.Must(id, "cancel", map[string]string{"reason_code": "clinic_closed"})
	var intent string
	testkit.Eventually(r.t, func() bool {
		for _, p := range r.c.Sandbox.Ledger().Payments {
			if p.AppointmentID == id && p.Refunds == 1 {
				intent = p.IntentID
			}
		}
		return intent != ""
	}, "the money goes back")
	require.NoError(r.t, r.c.Sandbox.FailRefunds(intent))
	waits := r.desk.AwaitCase(id, in(domain.CaseNeedsPerson), "waits for a person")
	return known{"case_id": {waits.ID}, "If-Match": {strconv.Quote(strconv.Itoa(waits.Version))}}
}

var inVisitLetter = regexp.MustCompile(`https?://\S+/(?:pay|visit)/(\S+)`)

func (r *contractRun) linkIn(id string, kind domain.MessageKind) string {
	found := inVisitLetter.FindStringSubmatch(r.c.Letter(id, kind))
	require.NotNil(r.t, found)
	return found[1]
}

func (r *contractRun) payLink() string {
	return r.linkIn(r.book(r.slot, r.newType(8000, `{}`)), domain.MessageRequestReceived)
}

func (r *contractRun) visitLink() string {
	id := r.pending()
	r.desk.Must(id, "confirm", nil)
	return r.linkIn(id, domain.MessageConfirmed)
}

// signedByStripe is an event with its signature.
func signedByStripe() known {
	body := fmt.Sprintf(`{"id":"evt_contract","object":"event","api_version":%q,"type":"payment_intent.created","created":%d,"data":{"object":{"id":"pi_contract","object":"payment_intent"}}}`,
		sandbox.APIVersion, time.Now().Unix())
	return known{"": {body}, "Stripe-Signature": {sandbox.Sign([]byte(body), sandbox.DefaultWebhookSecret, time.Now())}}
}

// signedBySendGrid are events with their signature.
func signedBySendGrid() known {
	at := strconv.FormatInt(time.Now().Unix(), 10)
	body := fmt.Sprintf(`[{"event":"delivered","sg_event_id":"contract","timestamp":%s,"message_id":%q}]`, at, domain.NewID())
	return known{
		"": {body}, "X-Twilio-Email-Event-Webhook-Signature": {sandbox.SignMail([]byte(body), at)}, "X-Twilio-Email-Event-Webhook-Timestamp": {at},
	}
}

// owner adds an account of its own, so that its letters are delivered by this clinic.
func (r *contractRun) owner() (email string) { return owner(r.t, r.c) }

func (r *contractRun) session(email string) (s openapi.Session) {
	a := post(r.c, "/v1/sessions", map[string]string{"email": email, "password": seed.Password}, "X-Forwarded-For", "10.9.9.9")
	require.Equal(r.t, http.StatusOK, a.Status, a)
	require.NoError(r.t, json.Unmarshal(a.Body, &s))
	return s
}

// registered is the secret in the letter to somebody who has just registered.
func (r *contractRun) registered() string {
	email := domain.NewID() + "@contract.example"
	require.Equal(r.t, http.StatusAccepted, post(r.c, "/v1/registrations", newcomer(email), "X-Forwarded-For", "10.9.9.8").Status)
	return r.secretOf(email)
}

// forgotten is the secret in the letter to somebody who has forgotten their password.
func (r *contractRun) forgotten() string {
	email := r.owner()
	require.Equal(r.t, http.StatusAccepted, post(r.c, "/v1/password-resets", map[string]string{"email": email}, "X-Forwarded-For", "10.9.9.7").Status)
	return r.secretOf(email)
}

func (r *contractRun) secretOf(email string) string {
	_, letter := letters(r.t, r.c, email, 1)
	_, secret := link(r.t, letter)
	return secret
}

// savedBackup is a backup that has ended.
func (r *contractRun) savedBackup() known {
	if r.backup == "" {
		r.backup = r.startBackup()
		testkit.Eventually(r.t, func() bool {
			return domain.BackupState(r.backupState(r.backup)).Ended()
		}, "the backup ends")
	}
	return known{"backup_id": {r.backup}}
}

func (r *contractRun) heldBackup() known {
	k := r.savedBackup()
	held := r.users["ops"].Do(http.MethodPost, "/v1/ops/backups/"+r.backup+"/hold", openapi.BackupHoldReason{ReasonCode: "legal_hold"})
	require.Equal(r.t, http.StatusOK, held.Status, held)
	return k
}

// runningBackup is one that waits: a table that it saves is locked until the operation has
// been tried.
func (r *contractRun) runningBackup() known {
	r.savedBackup() // one at a time
	tx, err := r.c.DB.Begin(r.t.Context())
	require.NoError(r.t, err)
	r.after = func() { require.NoError(r.t, tx.Rollback(r.t.Context())) }
	_, err = tx.Exec(r.t.Context(), `LOCK TABLE users_before`)
	require.NoError(r.t, err)
	return known{"backup_id": {r.startBackup()}}
}

func (r *contractRun) startBackup() string {
	var started openapi.BackupStarted
	testkit.Eventually(r.t, func() bool {
		a := r.users["ops"].Do(http.MethodPost, "/v1/ops/backups", openapi.BackupRequest{Target: "clinic"})
		return a.Status == http.StatusAccepted && json.Unmarshal(a.Body, &started) == nil && !started.Joined
	}, "a backup begins")
	return started.ID
}

func (r *contractRun) backupState(id string) openapi.BackupState {
	var b openapi.Backup
	a := r.users["ops"].Do(http.MethodGet, "/v1/ops/backups/"+id, nil)
	require.Equal(r.t, http.StatusOK, a.Status, a)
	require.NoError(r.t, json.Unmarshal(a.Body, &b))
	return b.State
}

// scheduled has the nightly backups scheduled, as the set-up does.
func (r *contractRun) scheduled() known {
	if !r.nightly {
		r.nightly = true
		temporal := r.c.Temporal()
		require.NoError(r.t, backupclient.New(temporal, r.c.Queue).EnsureSchedule(r.t.Context(), backupclient.Nightly{
			Targets: []string{"clinic"}, Hour: 3, Minute: 30, Zone: "Europe/Berlin",
		}))
		handle := temporal.ScheduleClient().GetHandle(r.t.Context(), backup.ScheduleID(r.c.Queue))
		r.t.Cleanup(func() { require.NoError(r.t, handle.Delete(context.Background())) })
	}
	return nil
}
