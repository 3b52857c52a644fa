package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/careflow/careflow/internal/bench"
	"github.com/careflow/careflow/internal/domain"
)

// The bare query through Gin: no log-in, no roles, no validation, no audit, no encrypted
// columns; the rows as they come, as JSON.

type ginPlan struct{ URL string }

// bareConnections are as many as the product's API has.
const bareConnections = 16

func serveBare(ctx context.Context, p ginPlan) (string, func(), error) {
	pool, err := barePool(ctx, p.URL, bareConnections)
	if err != nil {
		return "", nil, err
	}
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.GET("/day", rowsOf[bareVisit](pool, bareDay, "doctor_id", "from", "to"))
	engine.GET("/appointment", rowsOf[bareVisit](pool, bareAppointment, "id"))
	engine.GET("/audited", rowsOf[bareVisit](pool, bareAudited, "id"))
	engine.GET("/slots", rowsOf[bareOffer](pool, bareSlots, "doctor_id", "type_id", "from", "to"))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: engine, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Print(err)
		}
	}()
	return "http://" + listener.Addr().String(), func() { _ = server.Close(); pool.Close() }, nil
}

// rowsOf answers with a query's rows; its arguments are those of the request.
func rowsOf[T any](pool *pgxpool.Pool, query string, params ...string) gin.HandlerFunc {
	return func(c *gin.Context) {
		args := make([]any, len(params))
		for i, name := range params {
			args[i] = c.Query(name)
			if at, err := time.Parse(time.RFC3339, c.Query(name)); err == nil {
				args[i] = at
			}
		}
		rows, err := pool.Query(c.Request.Context(), query, args...)
		if err != nil {
			c.String(http.StatusInternalServerError, err.Error())
			return
		}
		found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[T])
		if err != nil || len(found) == 0 {
			c.String(http.StatusInternalServerError, "no rows, or an error: %v", err)
			return
		}
		c.JSON(http.StatusOK, found)
	}
}

type bareVisit struct {
	ID, DoctorID, PatientID, BookedBy, TypeID, Status string
	Version, Generation                               int
	StartsAt, EndsAt                                  time.Time
	LocalStart                                        string
	Terms                                             json.RawMessage
	Reschedules, Sequence                             int
	PayBy, AnswerBy                                   *time.Time
	EndedBy, ReasonCode, Stuck, ProcessRunID          *string
	CreatedAt, UpdatedAt                              time.Time
	EndedAt                                           *time.Time
	TypeName, DoctorName                              string
	PaymentStatus                                     *string
	AmountMinor                                       *int64
	Currency                                          *string
	CapturedMinor, RefundedMinor                      *int64
}

const bareColumns = `SELECT a.id, a.doctor_id, a.patient_id, a.booked_by, a.type_id, a.status, a.version, a.generation, a.starts_at, a.ends_at,
       a.local_start, a.terms, a.reschedules, a.sequence, a.pay_by, a.answer_by, a.ended_by, a.reason_code, a.stuck,
       a.process_run_id, a.created_at, a.updated_at, a.ended_at, t.name, d.name,
       y.status, y.amount_minor, y.currency, y.captured_minor, y.refunded_minor
FROM appointments a
JOIN appointment_types t ON t.id = a.type_id
JOIN doctors d ON d.id = a.doctor_id
LEFT JOIN payments y ON y.appointment_id = a.id AND y.generation = a.generation `

const (
	bareDay         = bareColumns + `WHERE a.doctor_id = $1 AND a.starts_at >= $2 AND a.starts_at < $3 ORDER BY a.starts_at, a.id`
	bareAppointment = bareColumns + `WHERE a.id = $1`
	// bareAudited also writes who reads, and so waits for the disk: for scale.
	bareAudited = `WITH noted AS (INSERT INTO record_accesses (appointment_id, user_id, roles, request_id)
		SELECT a.id, a.booked_by, '{doctor}', 'bench' FROM appointments a WHERE a.id = $1) ` + bareAppointment
)

type bareOffer struct {
	Doctor, Zone, Type               string
	Duration, Step, Notice, Days     int
	Price                            int64
	Currency                         string
	Terms, Hours, TimeOff, Overrides json.RawMessage
	From, To                         []time.Time
}

// bareSlots fetches all that a slot search needs in one query.
const bareSlots = `SELECT d.name, d.time_zone, t.name, t.duration_minutes, t.step_minutes, t.minimum_notice_minutes, t.booking_window_days,
       t.price_minor, t.price_currency, t.terms,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('weekday', h.weekday, 'start', h.start_minute, 'end', h.end_minute)), '[]')
          FROM doctor_hours h WHERE h.doctor_id = d.id),
       (SELECT coalesce(jsonb_agg(jsonb_build_object('start', o.starts_at, 'end', o.ends_at)), '[]')
          FROM doctor_time_off o WHERE o.doctor_id = d.id AND o.ends_at > $3 AND o.starts_at < $4),
       (SELECT coalesce(jsonb_agg(jsonb_build_object('date', v.day, 'hours', v.hours)), '[]')
          FROM doctor_overrides v WHERE v.doctor_id = d.id AND v.day BETWEEN $3::date AND $4::date),
       b.starts, b.ends
FROM doctors d JOIN appointment_types t ON t.doctor_id = d.id,
     LATERAL (SELECT array_agg(lower(a.occupied) ORDER BY lower(a.occupied)) AS starts, array_agg(upper(a.occupied) ORDER BY lower(a.occupied)) AS ends
        FROM appointments a WHERE a.doctor_id = d.id AND a.occupied && tstzrange($3, $4)
         AND a.status IN ('requested','pending','capturing','confirmed','checked_in')) b
WHERE d.id = $1 AND t.id = $2`

// queryPlan is the same query from Go.
type queryPlan struct {
	URL, Doctor, Type string
	Span              domain.Window
	Loop              bench.Loop
}

func queries(ctx context.Context, p queryPlan) (any, error) {
	pool, err := barePool(ctx, p.URL, min(p.Loop.Clients, bareConnections))
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	return bench.Drive(ctx, p.Loop, func(ctx context.Context, _ int) error {
		rows, err := pool.Query(ctx, bareSlots, p.Doctor, p.Type, p.Span.Start, p.Span.End)
		if err != nil {
			return err
		}
		_, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[bareOffer])
		return err
	}), nil
}
