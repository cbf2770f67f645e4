/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir check: what is wrong with a ruleset, or costs more than it has to. */
#include "command/check.h"
#include "command/command.h"
#include "command/region_options.h"
#include "kernel/route.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
    "Usage: weir check RULES... [options]\n"
    "       weir check --explain CODE\n"
    "\n"
    "Names what in the rules is dead, contradicts, costs too much, or drops or lets in what it should not: "
    "where,\n"
    "why it matters, and what to do. Exit status 1 when there is a finding that weighs enough.\n"
    "\n"
    "  --severity note|warning|error   exit with 1 from this weight on (warning); all findings are shown\n"
    "  --format text|json|sarif        how they are written (text); SARIF 2.1.0 is for code review\n"
    "  --json                          the same as --format json\n"
    "  --explain CODE                  what a finding of that code means; without RULES\n"
    "  --local ADDR[/LEN]              an address of this host or of a network behind it (repeatable), "
    "beside those "
    "that\n"
    "                                  the rules show; who comes from elsewhere with it forges it\n"
    "  --interface IFACE               the interface by which packets from elsewhere come, likewise\n"
    "  --live                          the rules and sets that are loaded in this network namespace, with\n"
    "                                  those of weir apply\n"
    "  --help\n"
    "\n"
    "Codes:\n";

enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_SARIF };

struct checking {
	enum severity severity;
	enum format format;
	const char *explain;
	bool live;
	struct region_arguments host; /* of which only the addresses and the interface are asked for */
};

/* Of the network namespace that the rules were read from: this one. */
static enum check_route ask_route(enum family family, const uint8_t *target)
{
	static const enum check_route routes[] = {
	    [ROUTE_WAY_LINK] = CHECK_ROUTE_LINK,
	    [ROUTE_WAY_VIA] = CHECK_ROUTE_VIA,
	    [ROUTE_WAY_LOCAL] = CHECK_ROUTE_OWN,
	    [ROUTE_WAY_NONE] = CHECK_ROUTE_NONE,
	};
	enum route_way way;
	return route_ask(family, target, &way) == 0 ? routes[way] : CHECK_ROUTE_UNKNOWN;
}

static int print_findings(const struct ruleset *ruleset, const struct checking *checking)
{
	struct diagnostics *sink __attribute__((cleanup(diagnostics_cleanup))) = diagnostics_new();
	const struct check_options options = {.route = checking->live ? ask_route : NULL,
					      .own_count = checking->host.local_count,
					      .own = checking->host.locals,
					      .outside = checking->host.interface};
	struct check_result result;
	int error = -ENOMEM, code;
	command_progress_start("looking for what is wrong with the rules");
	if (sink)
		error = check_run(ruleset, &options, sink, &result);
	command_progress_stop();
	if (error)
		return command_fail("check", EXIT_SYSTEM, "%s", strerror(-error));
	code = checking->format == FORMAT_JSON    ? check_print_json(sink, &result)
	       : checking->format == FORMAT_SARIF ? check_print_sarif(sink, &result)
						  : check_print_text(sink, &result);
	for (int severity = checking->severity; severity <= SEVERITY_ERROR && code == EXIT_DONE; severity++)
		if (result.found[severity])
			code = EXIT_FINDINGS;
	return code;
}

static int explain(const char *code)
{
	const struct finding_type *type = finding_type_find(code);
	if (!type)
		return command_fail("check", EXIT_USAGE,
				    "there is no finding with the code %s; weir check --help lists them",
				    code);
	check_print_type(type);
	return EXIT_DONE;
}

static int name_index(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(name, names[i]) == 0)
			return (int)i;
	return -1;
}

static int take_severity(struct checking *checking, const char *name)
{
	static const char *const names[] = {"note", "warning", "error"};
	int index = name_index(name, names, 3);
	if (index < 0)
		return command_fail("check", EXIT_USAGE, "--severity is note, warning or error, not %s",
				    name);
	checking->severity = SEVERITY_NOTE + (enum severity)index;
	return EXIT_DONE;
}

static int take_format(struct checking *checking, const char *name)
{
	static const char *const names[] = {"text", "json", "sarif"};
	int index = name_index(name, names, 3);
	if (index < 0)
		return command_fail("check", EXIT_USAGE, "--format is text, json or sarif, not %s", name);
	checking->format = FORMAT_TEXT + (enum format)index;
	return EXIT_DONE;
}

static void print_help(void)
{
	fputs(help, stdout);
	for (size_t i = 0; i < finding_type_count; i++)
		printf("  %-22s %s\n", finding_types[i]->code, finding_types[i]->title);
}

enum { SEVERITY = OPTION_OWN, FORMAT, JSON, EXPLAIN, LIVE };

static int take_option(struct checking *checking, int option, const char *value)
{
	switch (option) {
	case SEVERITY:
		return take_severity(checking, value);
	case FORMAT:
		return take_format(checking, value);
	case JSON:
		checking->format = FORMAT_JSON;
		return EXIT_DONE;
	case EXPLAIN:
		checking->explain = value;
		return EXIT_DONE;
	case LIVE:
		checking->live = true;
		return EXIT_DONE;
	case OPTION_LOCAL:
	case OPTION_INTERFACE: {
		int taken = region_arguments_take(&checking->host, "check", option, value);
		return taken > 0 ? EXIT_DONE : taken == -ENOMEM ? EXIT_SYSTEM : EXIT_USAGE;
	}
	default:
		return EXIT_USAGE;
	}
}

static int check_with(struct checking *checking, int argc, char **argv)
{
	static const struct option options[] = {
	    {"severity", required_argument, NULL, SEVERITY},
	    {"format", required_argument, NULL, FORMAT},
	    {"json", no_argument, NULL, JSON},
	    {"explain", required_argument, NULL, EXPLAIN},
	    {"live", no_argument, NULL, LIVE},
	    {"local", required_argument, NULL, OPTION_LOCAL},
	    {"interface", required_argument, NULL, OPTION_INTERFACE},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	int option, code = EXIT_DONE;

	optind = 0;
	while (code == EXIT_DONE && (option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == 'h') {
			print_help();
			return EXIT_DONE;
		}
		code = take_option(checking, option, optarg);
	}
	if (code != EXIT_DONE)
		return code;
	if (checking->explain)
		return explain(checking->explain);
	struct ruleset *ruleset __attribute__((cleanup(ruleset_cleanup))) = NULL;
	code = command_load((const char *const *)argv + optind, (size_t)(argc - optind), checking->live,
			    &ruleset);
	return code == EXIT_DONE ? print_findings(ruleset, checking) : code;
}

static int check_main(int argc, char **argv)
{
	struct checking checking = {.severity = SEVERITY_WARNING};
	region_arguments_init(&checking.host);
	int code = check_with(&checking, argc, argv);
	region_arguments_fini(&checking.host);
	return code;
}

const struct command command_check = {"check", check_main, "what is wrong with the rules, or costs too much"};
