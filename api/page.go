package api

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/api/pages"
	"github.com/careflow/careflow/internal/domain"
)

// Operations that answer people with a page carry x-careflow-page in the contract. Their
// handlers return showPage(…), or an error, which fail writes as a notice.

// htmlType is the media type of pages.
const htmlType = "text/html; charset=utf-8"

// GetPageAsset is a file that pages load.
func (h *handlers) GetPageAsset(_ context.Context, req openapi.GetPageAssetRequestObject) (openapi.GetPageAssetResponseObject, error) {
	body, contentType, ok := pages.Asset(req.Asset)
	if !ok {
		return nil, domain.Errorf(domain.CodeNotFound, "There is no such file.")
	}
	return page{contentType: contentType, body: body}, nil
}

// showPage writes a document in the reader's language.
func showPage(who *visitor, d pages.Document) (page, error) {
	d.Locale = who.locale
	written, err := pages.Render(d)
	return pageOf(written), err
}

// pageOf is a written page as an answer. No search engine lists it.
func pageOf(p pages.Page) page {
	return page{status: p.Status, contentType: htmlType, policy: p.Policy, body: p.Body, headers: pageHeaders(p.Locale)}
}

func pageHeaders(locale string) map[string]string {
	return map[string]string{"X-Robots-Tag": "noindex, nofollow", "Content-Language": locale}
}

// failPage ends a request of a page with a notice in the reader's language.
func (s *Server) failPage(c *gin.Context, who *visitor, p openapi.Problem) {
	notice, err := pages.Notice(who.locale, p.Code, p.Status)
	if err != nil {
		s.log.LogAttrs(c.Request.Context(), slog.LevelError, "a notice could not be written", slog.String("error", err.Error()))
		c.Status(http.StatusInternalServerError)
		return
	}
	for name, value := range pageHeaders(notice.Locale) {
		c.Header(name, value)
	}
	c.Header("Content-Security-Policy", notice.Policy)
	c.Data(notice.Status, htmlType, notice.Body)
}

// sameOrigin refuses a form that another site sent. Browsers say so in Sec-Fetch-Site;
// older ones in Origin, which is "null" under our Referrer-Policy. A form also carries
// the secret of its page, which no other site knows.
func sameOrigin(header http.Header, publicURL, host string) error {
	refused := domain.Errorf(domain.CodeForbidden, "This form is taken from our own pages only.")
	if site := header.Get("Sec-Fetch-Site"); site != "" {
		if site == "same-origin" {
			return nil
		}
		return refused
	}
	origin := header.Get("Origin")
	if origin == "" || origin == "null" || origin == publicURL || origin == "http://"+host || origin == "https://"+host {
		return nil
	}
	return refused
}

func (p page) VisitGetPageAssetResponse(w http.ResponseWriter) error { return p.write(w) }
