/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Findings as SARIF 2.1.0, for code review. It keeps to the schema of OASIS, and to what GitHub's code
 * scanning asks for beyond it: a place with all four of its numbers for each result, names of files that are
 * relative where they can be, a hash of the line to know a result by from one version to the next, and texts
 * of at most 1,024 characters for each rule. Texts come from the diagnostics, which have cleaned them. */
#include "command/check.h"
#include "command/command.h"

#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef WEIR_VERSION
#define WEIR_VERSION "unknown"
#endif

#define FILES_MAX 64 /* whose lines are hashed: each argument is one or a few */

struct sarif {
	const struct diagnostics *sink;
	char directory[PATH_MAX]; /* this one; empty: not known */
	size_t file_count;
	struct {
		const struct source *source;
		struct line_hashes *hashes;
	} files[FILES_MAX];
	bool failed;
};

static void sarif_fini(struct sarif *sarif)
{
	for (size_t i = 0; i < sarif->file_count; i++)
		line_hashes_free(sarif->files[i].hashes);
}

static struct json_object *text_object(const char *text)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "text", json_object_new_string(text));
	return object;
}

static const char *member_text(struct json_object *object, const char *name)
{
	struct json_object *member;

	return json_object_object_get_ex(object, name, &member) ? json_object_get_string(member) : "";
}

/* --- Places
 * ------------------------------------------------------------------------------------------------------- */

/* A file's name as a URI reference, relative to the current directory where it lies in it: what RFC 3986 does
 * not allow in a path is escaped. */
static struct json_object *uri_of(const struct sarif *sarif, const char *name)
{
	struct buffer uri = {0};
	size_t inside = strlen(sarif->directory);

	while (strncmp(name, "./", 2) == 0)
		name += 2;
	if (inside > 1 && strncmp(name, sarif->directory, inside) == 0 && name[inside] == '/')
		name += inside + 1;
	if (name[0] == '/')
		buffer_puts(&uri, "file://");
	else if (strncmp(name, "live:", 5) != 0 && strchr(name, ':'))
		buffer_puts(&uri, "./"); /* a colon in the first segment would make it a scheme */
	for (const unsigned char *c = (const unsigned char *)name; *c; c++) {
		bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');

		if (plain || strchr("-._~/:@!$&'()*+,;=", *c))
			buffer_printf(&uri, "%c", *c);
		else
			buffer_printf(&uri, "%%%02X", *c);
	}
	struct json_object *string = json_object_new_string(uri.data ? uri.data : "");
	buffer_fini(&uri);
	return string;
}

/* Columns are counted in characters, while spans are of bytes. */
static int64_t column_of(struct text line, size_t bytes)
{
	int64_t column = 1;

	for (size_t i = 0; i < bytes && i < line.size; i++)
		column += ((unsigned char)line.data[i] & 0xc0) != 0x80;
	return column;
}

static void add_number(struct json_object *object, const char *name, int64_t value)
{
	json_object_object_add(object, name, json_object_new_int64(value));
}

/* The first line of the span, as the text shows it. */
static struct json_object *region_of(struct span span)
{
	struct json_object *region = json_object_new_object();
	struct source_position start = source_locate(span.source, span.begin);
	size_t begin = start.column - 1, length = span.end > span.begin ? span.end - span.begin : 0;
	size_t rest = begin < start.text.size ? start.text.size - begin : 0;

	add_number(region, "startLine", start.line);
	add_number(region, "startColumn", column_of(start.text, begin));
	add_number(region, "endLine", start.line);
	add_number(region, "endColumn", column_of(start.text, begin + (length < rest ? length : rest)));
	return region;
}

/* NULL when it has no place. */
static struct json_object *location_of(const struct sarif *sarif, struct span span)
{
	if (!span.source)
		return NULL;
	struct json_object *location = json_object_new_object(), *physical = json_object_new_object();
	struct json_object *artifact = json_object_new_object();
	json_object_object_add(artifact, "uri", uri_of(sarif, span.source->name));
	json_object_object_add(physical, "artifactLocation", artifact);
	json_object_object_add(physical, "region", region_of(span));
	json_object_object_add(location, "physicalLocation", physical);
	return location;
}

static const struct line_hashes *hashes_of(struct sarif *sarif, const struct source *source)
{
	for (size_t i = 0; i < sarif->file_count; i++)
		if (sarif->files[i].source == source)
			return sarif->files[i].hashes;
	if (sarif->file_count == FILES_MAX)
		return NULL;
	if (line_hashes_new(source, &sarif->files[sarif->file_count].hashes)) {
		sarif->failed = true;
		return NULL;
	}
	sarif->files[sarif->file_count].source = source;
	return sarif->files[sarif->file_count++].hashes;
}

static void add_fingerprint(struct sarif *sarif, struct json_object *result, struct span span)
{
	const struct line_hashes *hashes = span.source ? hashes_of(sarif, span.source) : NULL;
	struct buffer hash = {0};

	if (hashes)
		line_hash_print(hashes, source_locate(span.source, span.begin).line, &hash);
	if (hash.data && !hash.failed) {
		struct json_object *prints = json_object_new_object();

		json_object_object_add(prints, "primaryLocationLineHash", json_object_new_string(hash.data));
		json_object_object_add(result, "partialFingerprints", prints);
	}
	sarif->failed |= hash.failed;
	buffer_fini(&hash);
}

/* --- Results
 * ------------------------------------------------------------------------------------------------------ */

static size_t type_index(const char *code)
{
	size_t index = 0;

	while (index < finding_type_count && strcmp(finding_types[index]->code, code) != 0)
		index++;
	return index;
}

static struct json_object *related_of(const struct sarif *sarif, struct json_object *finding, size_t index)
{
	struct json_object *related = json_object_new_array(), *labels;

	if (!json_object_object_get_ex(finding, "related", &labels))
		return related;
	for (size_t i = 0; i < json_object_array_length(labels); i++) {
		struct json_object *label = json_object_array_get_idx(labels, i);
		struct json_object *location =
		    location_of(sarif, diagnostics_span(sarif->sink, index, i + 1));

		if (!location)
			continue;
		add_number(location, "id", (int64_t)i);
		json_object_object_add(location, "message", text_object(member_text(label, "message")));
		json_object_array_add(related, location);
	}
	return related;
}

static struct json_object *result_of(struct sarif *sarif, struct json_object *finding, size_t index)
{
	struct json_object *result = json_object_new_object(), *locations = json_object_new_array();
	struct span span = diagnostics_span(sarif->sink, index, 0);
	struct json_object *location = location_of(sarif, span);
	struct buffer message = {0};

	/* As the title of a result only the first sentence is shown. */
	buffer_printf(&message, "%s. %s", member_text(finding, "message"), member_text(finding, "hint"));
	sarif->failed |= message.failed;
	json_object_object_add(result, "ruleId", json_object_new_string(member_text(finding, "code")));
	add_number(result, "ruleIndex", (int64_t)type_index(member_text(finding, "code")));
	json_object_object_add(result, "level", json_object_new_string(member_text(finding, "severity")));
	json_object_object_add(result, "message", text_object(message.data ? message.data : ""));
	buffer_fini(&message);
	if (location)
		json_object_array_add(locations, location);
	json_object_object_add(result, "locations", locations);
	json_object_object_add(result, "relatedLocations", related_of(sarif, finding, index));
	add_fingerprint(sarif, result, span);
	return result;
}

/* --- The run
 * ------------------------------------------------------------------------------------------------------ */

static struct json_object *rule_of(const struct finding_type *type)
{
	struct json_object *rule = json_object_new_object(), *level = json_object_new_object();
	struct json_object *properties = json_object_new_object();
	struct buffer help = {0};

	buffer_printf(&help, "%s %s", type->why, type->action);
	json_object_object_add(level, "level", json_object_new_string(check_severity_names[type->severity]));
	json_object_object_add(rule, "id", json_object_new_string(type->code));
	json_object_object_add(rule, "shortDescription", text_object(type->title));
	json_object_object_add(rule, "fullDescription", text_object(type->why));
	json_object_object_add(rule, "help", text_object(help.data ? help.data : type->action));
	json_object_object_add(rule, "defaultConfiguration", level);
	json_object_object_add(properties, "problem.severity",
			       json_object_new_string(type->severity == SEVERITY_NOTE
							  ? "recommendation"
							  : check_severity_names[type->severity]));
	json_object_object_add(rule, "properties", properties);
	buffer_fini(&help);
	return rule;
}

static struct json_object *tool_object(void)
{
	struct json_object *tool = json_object_new_object(), *driver = json_object_new_object();
	struct json_object *rules = json_object_new_array();

	for (size_t i = 0; i < finding_type_count; i++)
		json_object_array_add(rules, rule_of(finding_types[i]));
	json_object_object_add(driver, "name", json_object_new_string("weir"));
	json_object_object_add(driver, "version", json_object_new_string(WEIR_VERSION));
	json_object_object_add(driver, "rules", rules);
	json_object_object_add(tool, "driver", driver);
	return tool;
}

static void notify(struct json_object *notes, const char *text)
{
	struct json_object *note = json_object_new_object();

	json_object_object_add(note, "level", json_object_new_string("note"));
	json_object_object_add(note, "message", text_object(text));
	json_object_array_add(notes, note);
}

/* What is not among the results, though it was found or looked for. */
static struct json_object *invocation_object(const struct check_result *result)
{
	struct json_object *invocation = json_object_new_object(), *notes = json_object_new_array();
	struct buffer hidden = {0};

	if (result->hidden) {
		buffer_printf(&hidden, "%zu more findings of the same kinds are not among the results",
			      result->hidden);
		notify(notes, hidden.data ? hidden.data : "more findings are not among the results");
		buffer_fini(&hidden);
	}
	if (result->undecided)
		notify(notes, "not decided of every rule whether it can match: the budget was met");
	json_object_object_add(invocation, "executionSuccessful", json_object_new_boolean(true));
	json_object_object_add(invocation, "toolExecutionNotifications", notes);
	return invocation;
}

int check_print_sarif(const struct diagnostics *sink, const struct check_result *result)
{
	struct sarif sarif = {.sink = sink};
	struct json_object *log = json_object_new_object(), *runs = json_object_new_array();
	struct json_object *run = json_object_new_object(), *results = json_object_new_array();
	struct json_object *invocations = json_object_new_array(), *findings = diagnostics_json(sink);

	if (!getcwd(sarif.directory, sizeof(sarif.directory)))
		sarif.directory[0] = '\0';
	for (size_t i = 0; i < json_object_array_length(findings); i++)
		json_object_array_add(results, result_of(&sarif, json_object_array_get_idx(findings, i), i));
	json_object_put(findings);
	json_object_array_add(invocations, invocation_object(result));
	json_object_object_add(run, "tool", tool_object());
	json_object_object_add(run, "invocations", invocations);
	json_object_object_add(run, "columnKind", json_object_new_string("unicodeCodePoints"));
	json_object_object_add(run, "results", results);
	json_object_array_add(runs, run);
	json_object_object_add(log, "$schema",
			       json_object_new_string("https://json.schemastore.org/sarif-2.1.0.json"));
	json_object_object_add(log, "version", json_object_new_string("2.1.0"));
	json_object_object_add(log, "runs", runs);
	sarif_fini(&sarif);
	if (sarif.failed) {
		json_object_put(log);
		return command_fail("check", EXIT_SYSTEM, "%s", strerror(ENOMEM));
	}
	return command_print_json(log);
}
