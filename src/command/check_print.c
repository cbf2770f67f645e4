/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Findings as text, JSON, and SARIF 2.1.0 for code review. All three are made from the diagnostics, which
 * have cleaned what comes from the input. */
#include "command/check.h"
#include "command/command.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#ifndef WEIR_VERSION
#define WEIR_VERSION "unknown"
#endif

static const char *const severity_names[] = {
    [SEVERITY_NOTE] = "note", [SEVERITY_WARNING] = "warning", [SEVERITY_ERROR] = "error"};

void check_print_type(const struct finding_type *type)
{
	printf("%s (%s): %s\n\nwhy: %s\n\nwhat to do: %s\n", type->code, severity_names[type->severity],
	       type->title, type->why, type->action);
}

int check_print_text(const struct diagnostics *sink, const struct check_result *result)
{
	struct buffer text = {0};
	const char *separator = "";
	diagnostics_print(sink, &text);
	for (int severity = SEVERITY_ERROR; severity >= SEVERITY_NOTE; severity--)
		if (result->found[severity]) {
			buffer_printf(&text, "%s%zu %s%s", separator, result->found[severity],
				      severity_names[severity], result->found[severity] == 1 ? "" : "s");
			separator = ", ";
		}
	buffer_puts(&text, *separator ? "" : "nothing found");
	if (result->hidden)
		buffer_printf(&text, "; %zu more of the same kinds not shown", result->hidden);
	if (result->undecided)
		buffer_puts(&text, "; not decided of every rule whether it can match: the budget was met");
	buffer_puts(&text, "\n");
	bool written = !text.failed && fputs(text.data, stdout) >= 0;
	buffer_fini(&text);
	return written ? EXIT_DONE : command_fail("check", EXIT_SYSTEM, "cannot write the findings");
}

static const char *member_text(struct json_object *object, const char *name)
{
	struct json_object *member;
	return json_object_object_get_ex(object, name, &member) ? json_object_get_string(member) : NULL;
}

static const struct finding_type *type_of(struct json_object *finding)
{
	return finding_type_find(member_text(finding, "code"));
}

int check_print_json(const struct diagnostics *sink, const struct check_result *result)
{
	struct json_object *object = json_object_new_object(), *counts = json_object_new_object();
	struct json_object *findings = diagnostics_json(sink);
	for (size_t i = 0; i < json_object_array_length(findings); i++) {
		struct json_object *finding = json_object_array_get_idx(findings, i);
		const struct finding_type *type = type_of(finding);
		json_object_object_add(finding, "title", json_object_new_string(type->title));
		json_object_object_add(finding, "reason", json_object_new_string(type->why));
	}
	for (int severity = SEVERITY_ERROR; severity >= SEVERITY_NOTE; severity--)
		json_object_object_add(counts, severity_names[severity],
				       json_object_new_int64((int64_t)result->found[severity]));
	json_object_object_add(object, "findings", findings);
	json_object_object_add(object, "counts", counts);
	json_object_object_add(object, "not_shown", json_object_new_int64((int64_t)result->hidden));
	json_object_object_add(object, "undecided", json_object_new_boolean(result->undecided));
	return command_print_json(object);
}

/* --- SARIF
 * ---------------------------------------------------------------------------------------------------------
 */

static struct json_object *sarif_text(const char *text)
{
	struct json_object *object = json_object_new_object();
	json_object_object_add(object, "text", json_object_new_string(text));
	return object;
}

/* A file's name as a URI reference: what RFC 3986 does not allow in a path is escaped. */
static struct json_object *sarif_uri(const char *name)
{
	struct buffer uri = {0};
	if (strncmp(name, "live:", 5) != 0 && strchr(name, ':') && name[0] != '/')
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

static void copy_number(struct json_object *from, const char *name, struct json_object *to,
			const char *new_name)
{
	struct json_object *number;
	if (json_object_object_get_ex(from, name, &number))
		json_object_object_add(to, new_name, json_object_get(number));
}

/* The place of a finding or of what is related to it; NULL when it has none. */
static struct json_object *sarif_location(struct json_object *finding)
{
	const char *file = member_text(finding, "file");
	if (!file)
		return NULL;
	struct json_object *location = json_object_new_object(), *physical = json_object_new_object();
	struct json_object *artifact = json_object_new_object(), *region = json_object_new_object();
	json_object_object_add(artifact, "uri", sarif_uri(file));
	copy_number(finding, "line", region, "startLine");
	copy_number(finding, "column", region, "startColumn");
	copy_number(finding, "end_column", region, "endColumn");
	json_object_object_add(physical, "artifactLocation", artifact);
	json_object_object_add(physical, "region", region);
	json_object_object_add(location, "physicalLocation", physical);
	return location;
}

static struct json_object *sarif_result(struct json_object *finding)
{
	struct json_object *result = json_object_new_object(), *locations = json_object_new_array();
	struct json_object *related = json_object_new_array(), *labels, *location;
	const struct finding_type *type = type_of(finding);
	struct buffer message = {0};
	size_t index = 0;
	while (index < finding_type_count && finding_types[index] != type)
		index++;
	buffer_printf(&message, "%s. %s", member_text(finding, "message"), member_text(finding, "hint"));
	json_object_object_add(result, "ruleId", json_object_new_string(type->code));
	json_object_object_add(result, "ruleIndex", json_object_new_int64((int64_t)index));
	json_object_object_add(result, "level", json_object_new_string(member_text(finding, "severity")));
	json_object_object_add(result, "message", sarif_text(message.data ? message.data : ""));
	buffer_fini(&message);
	location = sarif_location(finding);
	if (location)
		json_object_array_add(locations, location);
	json_object_object_add(result, "locations", locations);
	if (json_object_object_get_ex(finding, "related", &labels))
		for (size_t i = 0; i < json_object_array_length(labels); i++) {
			struct json_object *label = json_object_array_get_idx(labels, i);
			location = sarif_location(label);
			if (!location)
				continue;
			json_object_object_add(location, "id", json_object_new_int64((int64_t)i));
			json_object_object_add(location, "message",
					       sarif_text(member_text(label, "message")));
			json_object_array_add(related, location);
		}
	json_object_object_add(result, "relatedLocations", related);
	return result;
}

static struct json_object *sarif_rule(const struct finding_type *type)
{
	struct json_object *rule = json_object_new_object(), *level = json_object_new_object();
	struct buffer help = {0};
	buffer_printf(&help, "%s %s", type->why, type->action);
	json_object_object_add(level, "level", json_object_new_string(severity_names[type->severity]));
	json_object_object_add(rule, "id", json_object_new_string(type->code));
	json_object_object_add(rule, "shortDescription", sarif_text(type->title));
	json_object_object_add(rule, "fullDescription", sarif_text(type->why));
	json_object_object_add(rule, "help", sarif_text(help.data ? help.data : type->action));
	json_object_object_add(rule, "defaultConfiguration", level);
	buffer_fini(&help);
	return rule;
}

static struct json_object *sarif_tool(void)
{
	struct json_object *tool = json_object_new_object(), *driver = json_object_new_object();
	struct json_object *rules = json_object_new_array();
	for (size_t i = 0; i < finding_type_count; i++)
		json_object_array_add(rules, sarif_rule(finding_types[i]));
	json_object_object_add(driver, "name", json_object_new_string("weir"));
	json_object_object_add(driver, "version", json_object_new_string(WEIR_VERSION));
	json_object_object_add(driver, "rules", rules);
	json_object_object_add(tool, "driver", driver);
	return tool;
}

int check_print_sarif(const struct diagnostics *sink, const struct check_result *result)
{
	struct json_object *log = json_object_new_object(), *runs = json_object_new_array();
	struct json_object *run = json_object_new_object(), *results = json_object_new_array();
	struct json_object *findings = diagnostics_json(sink);
	(void)result;
	for (size_t i = 0; i < json_object_array_length(findings); i++)
		json_object_array_add(results, sarif_result(json_object_array_get_idx(findings, i)));
	json_object_put(findings);
	json_object_object_add(run, "tool", sarif_tool());
	/* Columns are counted in bytes; lines of iptables-save are ASCII but for comments. */
	json_object_object_add(run, "columnKind", json_object_new_string("unicodeCodePoints"));
	json_object_object_add(run, "results", results);
	json_object_array_add(runs, run);
	json_object_object_add(log, "$schema",
			       json_object_new_string("https://json.schemastore.org/sarif-2.1.0.json"));
	json_object_object_add(log, "version", json_object_new_string("2.1.0"));
	json_object_object_add(log, "runs", runs);
	return command_print_json(log);
}
