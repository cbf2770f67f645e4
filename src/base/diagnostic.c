/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Diagnostics: kept in an arena of their own, printed as text or JSON. What is printed may come from a
 * hostile file and go to a terminal: control characters and broken UTF-8 never get through, and a line is
 * shown in part when it is long. The number kept of each severity is bounded, so that a file of a million
 * faults costs no memory. */
#include "base/diagnostic.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABELS_MAX 8    /* per diagnostic; further ones are left out */
#define MESSAGE_MAX 512 /* bytes of one message, label or hint; the rest is cut off */
#define LINE_BEFORE 60  /* bytes of the source line shown before the span */
#define LINE_SHOWN 140  /* bytes of the source line shown at most */

struct label {
	struct span span;
	const char *message;
};

struct diagnostic {
	struct diagnostics *sink;
	enum severity severity;
	const char *code;
	struct span span;
	const char *message;
	const char *reason, *hint;
	size_t label_count;
	struct label labels[LABELS_MAX];
};

struct diagnostics {
	struct arena *arena;
	struct arena **sources; /* taken over: spans point into them */
	size_t source_count, source_capacity;
	size_t limit;                     /* kept of each severity */
	size_t count;                     /* all that were added, kept or not */
	size_t added[SEVERITY_ERROR + 1]; /* of each severity */
	size_t kept_count, kept_capacity;
	struct diagnostic **kept;
};

static const char *const severity_names[] = {
    [SEVERITY_NOTE] = "note", [SEVERITY_WARNING] = "warning", [SEVERITY_ERROR] = "error"};

struct diagnostics *diagnostics_new(void)
{
	struct diagnostics *sink = calloc(1, sizeof(*sink));
	if (!sink)
		return NULL;
	sink->limit = DIAGNOSTICS_MAX;
	sink->arena = arena_new();
	if (!sink->arena) {
		free(sink);
		return NULL;
	}
	return sink;
}

void diagnostics_free(struct diagnostics *sink)
{
	if (!sink)
		return;
	for (size_t i = 0; i < sink->source_count; i++)
		arena_free(sink->sources[i]);
	arena_free(sink->arena);
	free(sink);
}

void diagnostics_keep_at_most(struct diagnostics *sink, size_t limit)
{
	sink->limit = limit;
}

void diagnostics_keep(struct diagnostics *sink, struct arena *arena)
{
	struct arena **place = arena_push(sink->arena, (void **)&sink->sources, &sink->source_count,
					  &sink->source_capacity, sizeof(struct arena *));
	if (place)
		*place = arena; /* else it is never freed, as spans point into it */
}

/* Length of the well-formed, printable UTF-8 sequence at data, 0 when there is none: no control characters
 * (neither C0 nor C1), no overlong forms, no surrogates (RFC 3629). Tab counts as printable. */
static size_t printable(const unsigned char *data, size_t size)
{
	unsigned char lead = data[0];
	if (lead < 0x80)
		return (lead >= 0x20 && lead != 0x7f) || lead == '\t';
	size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
	if (lead < 0xc2 || lead > 0xf4 || length > size)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((data[i] & 0xc0) != 0x80)
			return 0;
	unsigned char second = data[1];
	if ((lead == 0xc2 && second < 0xa0) || (lead == 0xe0 && second < 0xa0) ||
	    (lead == 0xed && second > 0x9f) || (lead == 0xf0 && second < 0x90) ||
	    (lead == 0xf4 && second > 0x8f))
		return 0;
	return length;
}

/* Adds the text with "?" for each byte that must not reach a terminal. */
static void add_clean(struct buffer *out, const char *data, size_t size)
{
	size_t done = 0;
	while (done < size) {
		size_t good = done, length;
		while (good < size &&
		       (length = printable((const unsigned char *)data + good, size - good)) > 0)
			good += length;
		buffer_add(out, data + done, good - done);
		if (good < size) {
			buffer_puts(out, "?");
			good++;
		}
		done = good;
	}
}

/* The message in the arena, clean and cut to MESSAGE_MAX; NULL when memory is short. */
static const char *format_message(struct arena *arena, const char *format, va_list arguments)
{
	struct buffer text = {0}, clean = {0};
	buffer_vprintf(&text, format, arguments);
	bool cut = text.size > MESSAGE_MAX;
	add_clean(&clean, text.data, cut ? MESSAGE_MAX : text.size);
	if (cut)
		buffer_puts(&clean, "...");
	clean.failed |= text.failed;
	buffer_fini(&text);
	const char *copy = clean.failed ? NULL : arena_copy(arena, clean.data ? clean.data : "", clean.size);
	buffer_fini(&clean);
	return copy;
}

struct diagnostic *diagnostic_add(struct diagnostics *sink, enum severity severity, const char *code,
				  struct span span, const char *format, ...)
{
	sink->count++;
	if (sink->added[severity]++ >= sink->limit)
		return NULL;
	va_list arguments;
	va_start(arguments, format);
	const char *message = format_message(sink->arena, format, arguments);
	va_end(arguments);
	struct diagnostic *diagnostic = message ? arena_alloc(sink->arena, sizeof(*diagnostic)) : NULL;
	struct diagnostic **slot = NULL;
	if (diagnostic)
		slot = arena_push(sink->arena, (void **)&sink->kept, &sink->kept_count, &sink->kept_capacity,
				  sizeof(struct diagnostic *));
	if (!slot)
		return NULL;
	*diagnostic = (struct diagnostic){
	    .sink = sink, .severity = severity, .code = code, .span = span, .message = message};
	*slot = diagnostic;
	return diagnostic;
}

void diagnostic_label(struct diagnostic *diagnostic, struct span span, const char *format, ...)
{
	if (!diagnostic || diagnostic->label_count == LABELS_MAX)
		return;
	va_list arguments;
	va_start(arguments, format);
	const char *message = format_message(diagnostic->sink->arena, format, arguments);
	va_end(arguments);
	if (message)
		diagnostic->labels[diagnostic->label_count++] = (struct label){span, message};
}

void diagnostic_hint(struct diagnostic *diagnostic, const char *format, ...)
{
	if (!diagnostic)
		return;
	va_list arguments;
	va_start(arguments, format);
	const char *message = format_message(diagnostic->sink->arena, format, arguments);
	va_end(arguments);
	if (message)
		diagnostic->hint = message;
}

void diagnostic_reason(struct diagnostic *diagnostic, const char *text)
{
	if (diagnostic)
		diagnostic->reason = text;
}

size_t diagnostics_errors(const struct diagnostics *sink)
{
	return sink->added[SEVERITY_ERROR];
}

size_t diagnostics_count(const struct diagnostics *sink)
{
	return sink->count;
}

/* Where the span stands: its first line's position, and the column behind its last byte on that line. */
struct place {
	struct source_position start;
	uint32_t end_column;
};

static struct place place_of(struct span span)
{
	struct place place = {.start = source_locate(span.source, span.begin)};
	uint32_t length = span.end > span.begin ? span.end - span.begin : 0;
	uint32_t line_end = (uint32_t)place.start.text.size + 1; /* column behind the line */
	uint32_t column = place.start.column;
	if (column > line_end)
		place.end_column = column;
	else
		place.end_column = length > line_end - column ? line_end : column + length;
	return place;
}

static bool continuation(char byte)
{
	return ((unsigned char)byte & 0xc0) == 0x80;
}

/* The source line, or the part of it around the span, and a line with a caret under the span. */
static void print_line(struct buffer *out, const struct place *place)
{
	struct text line = place->start.text;
	size_t begin = place->start.column - 1, end = place->end_column - 1;
	if (begin > line.size)
		begin = line.size;
	size_t first = line.size > LINE_SHOWN && begin > LINE_BEFORE ? begin - LINE_BEFORE : 0;
	while (first > 0 && first < line.size && continuation(line.data[first]))
		first--;
	size_t last = line.size - first > LINE_SHOWN ? first + LINE_SHOWN : line.size;
	while (last < line.size && last > begin && continuation(line.data[last]))
		last--;
	if (end > last)
		end = last;
	buffer_printf(out, "%6" PRIu32 " | %s", place->start.line, first ? "..." : "");
	add_clean(out, line.data + first, last - first);
	buffer_printf(out, "%s\n       | %s", last < line.size ? "..." : "", first ? "   " : "");
	struct buffer clean = {0}; /* as shown: a bad byte is one column, a good sequence too */
	add_clean(&clean, line.data + first, begin - first);
	for (size_t i = 0; i < clean.size; i++)
		if (!continuation(clean.data[i]))
			buffer_puts(out, clean.data[i] == '\t' ? "\t" : " ");
	buffer_fini(&clean);
	buffer_puts(out, "^");
	if (end > begin)
		add_clean(&clean, line.data + begin, end - begin);
	for (size_t i = 1, columns = 0; i < clean.size; i++)
		if (!continuation(clean.data[i]) && columns++ < LINE_SHOWN)
			buffer_puts(out, "~");
	buffer_fini(&clean);
	buffer_puts(out, "\n");
}

static void print_head(struct buffer *out, struct span span, const struct place *place, const char *kind,
		       const char *code, const char *message)
{
	if (span.source) {
		add_clean(out, span.source->name, strlen(span.source->name));
		buffer_printf(out, ":%" PRIu32 ":%" PRIu32 ": ", place->start.line, place->start.column);
	}
	buffer_puts(out, kind);
	if (code)
		buffer_printf(out, "[%s]", code);
	buffer_printf(out, ": %s\n", message);
	if (span.source)
		print_line(out, place);
}

static void print_one(const struct diagnostic *diagnostic, struct buffer *out)
{
	struct place place = {0};
	if (diagnostic->span.source)
		place = place_of(diagnostic->span);
	print_head(out, diagnostic->span, &place, severity_names[diagnostic->severity], diagnostic->code,
		   diagnostic->message);
	for (size_t i = 0; i < diagnostic->label_count; i++) {
		const struct label *label = &diagnostic->labels[i];
		if (label->span.source)
			place = place_of(label->span);
		print_head(out, label->span, &place, "note", NULL, label->message);
	}
	if (diagnostic->reason)
		buffer_printf(out, "  why: %s\n", diagnostic->reason);
	if (diagnostic->hint)
		buffer_printf(out, "  hint: %s\n", diagnostic->hint);
}

void diagnostics_print(const struct diagnostics *sink, struct buffer *out)
{
	size_t shown[SEVERITY_ERROR + 1] = {0};
	for (size_t i = 0; i < sink->kept_count; i++) {
		print_one(sink->kept[i], out);
		shown[sink->kept[i]->severity]++;
	}
	for (int severity = SEVERITY_ERROR; severity >= SEVERITY_NOTE; severity--) {
		size_t hidden = sink->added[severity] - shown[severity];
		if (hidden)
			buffer_printf(out, "%zu more %s%s not shown\n", hidden, severity_names[severity],
				      hidden == 1 ? "" : "s");
	}
}

static struct json_object *clean_string(const char *text)
{
	struct buffer clean = {0};
	add_clean(&clean, text, strlen(text));
	struct json_object *string = json_object_new_string(clean.data ? clean.data : "");
	buffer_fini(&clean);
	return string;
}

static void json_place(struct json_object *object, struct span span)
{
	if (!span.source)
		return;
	struct place place = place_of(span);
	json_object_object_add(object, "file", clean_string(span.source->name));
	json_object_object_add(object, "line", json_object_new_int64(place.start.line));
	json_object_object_add(object, "column", json_object_new_int64(place.start.column));
	json_object_object_add(object, "end_column", json_object_new_int64(place.end_column));
}

struct json_object *diagnostics_json(const struct diagnostics *sink)
{
	struct json_object *array = json_object_new_array();
	for (size_t i = 0; array && i < sink->kept_count; i++) {
		const struct diagnostic *diagnostic = sink->kept[i];
		struct json_object *object = json_object_new_object();
		json_object_object_add(object, "severity",
				       json_object_new_string(severity_names[diagnostic->severity]));
		json_object_object_add(object, "code", json_object_new_string(diagnostic->code));
		json_object_object_add(object, "message", json_object_new_string(diagnostic->message));
		json_place(object, diagnostic->span);
		if (diagnostic->reason)
			json_object_object_add(object, "reason", json_object_new_string(diagnostic->reason));
		if (diagnostic->hint)
			json_object_object_add(object, "hint", json_object_new_string(diagnostic->hint));
		struct json_object *related = json_object_new_array();
		for (size_t j = 0; j < diagnostic->label_count; j++) {
			struct json_object *label = json_object_new_object();
			json_object_object_add(label, "message",
					       json_object_new_string(diagnostic->labels[j].message));
			json_place(label, diagnostic->labels[j].span);
			json_object_array_add(related, label);
		}
		json_object_object_add(object, "related", related);
		json_object_array_add(array, object);
	}
	return array;
}

struct span diagnostics_span(const struct diagnostics *sink, size_t index, size_t label)
{
	const struct diagnostic *diagnostic = index < sink->kept_count ? sink->kept[index] : NULL;

	if (!diagnostic || label > diagnostic->label_count)
		return (struct span){0};
	return label ? diagnostic->labels[label - 1].span : diagnostic->span;
}
