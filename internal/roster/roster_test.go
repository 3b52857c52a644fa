package roster_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/roster"
)

func TestAListFromASpreadsheetIsRead(t *testing.T) {
	t.Parallel()
	for name, list := range map[string]string{
		"commas":     "name,external_id,email,languages,fee,currency,active\nDr. Weber,W-1, Grace@Example.test ,de en,80.00,EUR,yes\n",
		"semicolons": "\xef\xbb\xbfName;External ID;E\nx", // replaced below
		"tabs":       "name\texternal_id\temail\tlanguages\tfee\tcurrency\tactive\r\nDr. Weber\tW-1\tgrace@example.test\tde|en\t80,00\teur\t1\r\n\t\t\t\t\t\t\r\n",
	} {
		if name == "semicolons" {
			list = "\xef\xbb\xbfName;External ID;Email;Languages;Fee;Currency;Active\r\n\"Dr. Weber\";W-1;grace@example.test;\"de;en\";80,00;EUR;YES\r\n;;;;;;\r\n"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines, faults, err := roster.Parse(strings.NewReader(list))
			require.NoError(t, err)
			require.Empty(t, faults)
			require.Len(t, lines, 1)
			require.Equal(t, 2, lines[0].Line)
			require.Equal(t, "W-1", lines[0].ExternalID)
			require.Equal(t, "grace@example.test", lines[0].Email)
			require.Equal(t, domain.Doctor{
				Name: "Dr. Weber", ExternalID: "W-1", Email: "grace@example.test", Languages: []string{"de", "en"}, Active: true,
				ConsultationFee: domain.Money{Minor: 8000, Currency: "EUR"},
			}, lines[0].Onto(domain.Doctor{}))
		})
	}
}

func TestWhatALineDoesNotSayStays(t *testing.T) {
	t.Parallel()
	lines, faults, err := roster.Parse(strings.NewReader("name,email,degree,fee,currency,about\nDr. Weber,g@x.test,,,,\"two\nlines\"\n"))
	require.NoError(t, err)
	require.Empty(t, faults)
	before := domain.Doctor{
		ID: "1", Version: 7, Name: "Weber", Degree: "MD", Zone: "Asia/Kolkata", Active: true, Email: "g@x.test", ExternalID: "W",
		ConsultationFee: domain.Money{Minor: 1, Currency: "INR"},
	}
	after := lines[0].Onto(before)
	before.Name, before.About = "Dr. Weber", "two\nlines"
	require.Equal(t, before, after)
}

func TestEachBadLineIsNamedWithItsReason(t *testing.T) {
	t.Parallel()
	list := `name,external_id,email,languages,fee,currency,practising_since,active
Good,1,,,80,EUR,2009,no
,2,,,,,,
No identity,,,,,,,
Same again,1,,,,,,
Bad mail,3,not an address,,,,,
Bad language,4,,klingon language!,,,,
Bad fee,5,,,1.234,EUR,,
No currency,6,,,80,,,
Bad year,7,,,,,soon,
Bad active,8,,,,,,perhaps
Too short,9
` + strings.Repeat("x", 201) + `,10,,,,,,
"Two
lines",11,a@b.test,,,,,
Same mail,12,A@B.test,,,,,
Open quote,"13
`
	lines, faults, err := roster.Parse(strings.NewReader(list))
	require.NoError(t, err)
	require.Len(t, lines, 2)
	got := map[int]string{}
	for _, f := range faults {
		require.NotContains(t, got, f.Line)
		got[f.Line] = f.Reason
		require.NotContains(t, f.Reason, "not an address", "no cell is repeated")
	}
	require.Equal(t, map[int]string{
		3: "name is empty", 4: "external_id or email says which doctor this is: both are empty", 5: "external_id is the same as on line 2",
		6: "email is not an e-mail address", 7: "languages is a list of language codes such as de en",
		8: "fee: an amount of EUR is written like 0.80", 9: "fee and currency come together", 10: "practising_since is not a year",
		11: "active is yes or no", 12: "has 2 cells, the first line has 8", 13: "name has at most 200 characters",
		16: "email is the same as on line 14", 17: "its quotes do not fit: nothing from here on was read",
	}, got)
}

func TestFilesThatAreNoList(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ list, says string }{
		"empty":              {"", "is empty"},
		"a workbook":         {"PK\x03\x04\x00\x00", "CSV UTF-8"},
		"another encoding":   {"name,email\nM\xfcller,m@x.test\n", "CSV UTF-8"},
		"an unknown column":  {"name,email,salary\n", "column 3 of the first line is none of name, external_id"},
		"a column twice":     {"name,email,Name\n", "twice"},
		"no name":            {"email\n", "has the column name"},
		"no identity":        {"name\n", "one of external_id and email"},
		"no currency":        {"name,email,fee\n", "together with currency"},
		"a broken first row": {"\"name,email\n", "check its quotes"},
		"too many":           {"name,email\n" + strings.Repeat("a,a@b.test\n", roster.MaxLines+1), "more than 5000"},
		"too large":          {"name,email\n" + strings.Repeat("x", roster.MaxBytes), "larger than 4 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := roster.Parse(strings.NewReader(c.list))
			require.ErrorContains(t, err, c.says)
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add("name,external_id,email,fee,currency\nDr. Weber,W-1,g@x.test,80.00,EUR\n")
	f.Add("\xef\xbb\xbfname;email;languages;active\n\"a\nb\";g@x.test;de|en;no\n;;;\n")
	f.Add("name\temail\tpractising_since\tpicture_url\nA\ta@b.test\t2009\thttps://x/y\n\"")
	f.Add("name,email\n,\n\"\"\"\",\"<a@b.test>\"\n")
	f.Fuzz(func(t *testing.T, list string) {
		lines, faults, err := roster.Parse(strings.NewReader(list))
		if err != nil {
			require.Empty(t, lines)
			require.Empty(t, faults)
			return
		}
		most := strings.Count(list, "\n") + 1
		ids := map[string]bool{}
		for _, line := range lines {
			require.True(t, line.Line > 1 && line.Line <= most)
			require.False(t, slices.ContainsFunc(faults, func(f domain.LineFault) bool { return f.Line == line.Line }), "a line is good or bad")
			require.True(t, line.ExternalID != "" || line.Email != "")
			for _, id := range []string{"i" + line.ExternalID, "e" + line.Email} {
				require.False(t, len(id) > 1 && ids[id], "no doctor twice")
				ids[id] = true
			}
			d := line.Onto(domain.Doctor{ID: "kept"})
			require.Equal(t, d, line.Onto(d), "saying it twice changes nothing")
			require.Equal(t, "kept", d.ID)
			require.NotEmpty(t, d.Name)
			require.LessOrEqual(t, utf8.RuneCountInString(d.Name), 200)
			if d.ConsultationFee.Currency != "" {
				require.NoError(t, d.ConsultationFee.Validate())
			}
		}
		for _, fault := range faults {
			require.True(t, fault.Line > 1 && fault.Line <= most)
			require.NotEmpty(t, fault.Reason)
		}
	})
}
