/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Findings as text and JSON. Both are made from the diagnostics, which have cleaned what comes from the
 * input. */
#include "command/check.h"
#include "command/command.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

const char *const check_severity_names[] = {
    [SEVERITY_NOTE] = "note", [SEVERITY_WARNING] = "warning", [SEVERITY_ERROR] = "error"};

void check_print_type(const struct finding_type *type)
{
	printf("%s (%s): %s\n\nwhy: %s\n\nwhat to do: %s\n", type->code, check_severity_names[type->severity],
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
				      check_severity_names[severity],
				      result->found[severity] == 1 ? "" : "s");
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
		json_object_object_add(counts, check_severity_names[severity],
				       json_object_new_int64((int64_t)result->found[severity]));
	json_object_object_add(object, "findings", findings);
	json_object_object_add(object, "counts", counts);
	json_object_object_add(object, "not_shown", json_object_new_int64((int64_t)result->hidden));
	json_object_object_add(object, "undecided", json_object_new_boolean(result->undecided));
	return command_print_json(object);
}
