/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is wrong with the user's input goes into a sink as diagnostics; command/ prints them. */
#ifndef WEIR_BASE_DIAGNOSTIC_H
#define WEIR_BASE_DIAGNOSTIC_H

#include "base/source.h"

struct json_object;

enum severity { SEVERITY_NOTE, SEVERITY_WARNING, SEVERITY_ERROR };

#define DIAGNOSTICS_MAX 20 /* kept of each severity; further ones are only counted */

struct diagnostics;
struct diagnostic;

struct diagnostics *diagnostics_new(void);
void diagnostics_free(struct diagnostics *sink);
static inline void diagnostics_cleanup(struct diagnostics **sink)
{
	if (*sink)
		diagnostics_free(*sink);
}

/* Keeps as many of each severity as this, in place of DIAGNOSTICS_MAX. */
void diagnostics_keep_at_most(struct diagnostics *sink, size_t limit);

/* Takes over an arena that spans point into, when reading failed and nobody else will keep it: it goes with
 * the sink. */
void diagnostics_keep(struct diagnostics *sink, struct arena *arena);

/* Adds one; `code` is a stable kebab-case name ("unknown-option"), a string literal. Never fails: when memory
 * is short the diagnostic is counted and lost. Returns it for labels and a hint (NULL when lost or past the
 * limit; the two functions below accept NULL). */
__attribute__((format(printf, 5, 6))) struct diagnostic *diagnostic_add(struct diagnostics *sink,
									enum severity severity,
									const char *code, struct span span,
									const char *format, ...);
__attribute__((format(printf, 3, 4))) void diagnostic_label(struct diagnostic *diagnostic, struct span span,
							    const char *format, ...);
__attribute__((format(printf, 2, 3))) void diagnostic_hint(struct diagnostic *diagnostic, const char *format,
							   ...);
/* Why it matters; `text` is a string literal. */
void diagnostic_reason(struct diagnostic *diagnostic, const char *text);

size_t diagnostics_errors(const struct diagnostics *sink);
size_t diagnostics_count(const struct diagnostics *sink);

/* file:line:col: error[code]: message, the source line, a caret under the span, labels, reason, hint. */
void diagnostics_print(const struct diagnostics *sink, struct buffer *out);
/* An array of objects {severity, code, message, file, line, column, end_column, reason, hint, related}. */
struct json_object *diagnostics_json(const struct diagnostics *sink);
/* The place of the index-th object of that array (label 0), or of what is related to it (label 1 for the
 * first). No source where there is none. */
struct span diagnostics_span(const struct diagnostics *sink, size_t index, size_t label);

#endif
