/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is loaded in this network namespace, by asking the programs that print it. */
#include "read/load.h"
#include "read/program.h"
#include "read/reader.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { LEGACY, NFT, FLAVOURS };

static const char *const programs[FAMILY_COUNT][FLAVOURS] = {
    {"iptables-legacy-save", "iptables-nft-save"},
    {"ip6tables-legacy-save", "ip6tables-nft-save"},
};

struct dump {
	bool missing;
	struct source *source;
	bool has_rules;
	struct span first_rule;
};

static int program_failed(struct diagnostics *sink, const char *name, int error,
			  const struct program_result *result)
{
	struct text said = {result->errors.data, result->errors.size};
	while (said.size && (said.data[said.size - 1] == '\n' || said.data[said.size - 1] == ' '))
		said.size--;
	struct diagnostic *diagnostic =
	    error < 0 ? diagnostic_add(sink, SEVERITY_ERROR, "program-failed", (struct span){0}, "%s: %s",
				       name, strerror(-error))
		      : diagnostic_add(sink, SEVERITY_ERROR, "program-failed", (struct span){0},
				       "%s ended with status %d: %.*s", name, result->status, (int)said.size,
				       said.size ? said.data : "");
	if (geteuid() != 0)
		diagnostic_hint(diagnostic, "reading the rules that are loaded needs root");
	else
		diagnostic_hint(diagnostic, "run it by hand to see more");
	return error < 0 ? error : geteuid() != 0 ? -EPERM : -EIO;
}

static int dump_source(struct arena *arena, const char *name, const struct buffer *output, struct dump *dump)
{
	char *data = arena_copy(arena, output->data, output->size);
	char *source_name = arena_printf(arena, "live:%s", name);
	if (!data || !source_name)
		return -ENOMEM;
	dump->source = source_new(arena, source_name, data, output->size);
	return dump->source ? 0 : -ENOMEM;
}

/* iptables-nft on a kernel without nftables: there are none of its rules then. */
static bool kernel_has_none(const struct program_result *result)
{
	return result->errors.data &&
	       strstr(result->errors.data, "Failed to initialize nft: Protocol not supported");
}

static int dump_read(struct arena *arena, struct diagnostics *sink, const char *const *arguments,
		     const char *name, struct dump *dump)
{
	struct program_result result;
	int status = program_run(arguments, SOURCE_SIZE_MAX, &result);
	if (status == -ENOENT) {
		dump->missing = true;
		status = 0;
	} else if (status == 0 && result.status != 0 && kernel_has_none(&result)) {
		status = dump_source(arena, name, &(struct buffer){0}, dump);
	} else if (status < 0 || result.status != 0) {
		status = program_failed(sink, name, status, &result);
	} else {
		status = dump_source(arena, name, &result.output, dump);
	}
	program_result_fini(&result);
	return status;
}

/* A rule, or a policy of DROP: something that judges packets. */
static void dump_find_rules(struct dump *dump)
{
	if (!dump->source)
		return;
	struct line_reader lines = {.source = dump->source};
	while (!dump->has_rules && line_reader_next(&lines)) {
		struct text text = span_text(lines.line);
		bool rule = text_starts(text, "-A ") || text_starts(text, "[");
		bool policy = text_starts(text, ":") && memmem(text.data, text.size, " DROP ", 6);
		bool hidden = text_starts(text, "# Table `"); /* rules that it cannot print */
		if (!rule && !policy && !hidden)
			continue;
		dump->has_rules = true;
		dump->first_rule = lines.line;
	}
}

static int choose(struct diagnostics *sink, struct dump dumps[FLAVOURS], enum family family,
		  struct source **source)
{
	if (dumps[LEGACY].missing && dumps[NFT].missing) {
		diagnostic_hint(diagnostic_add(sink, SEVERITY_ERROR, "program-missing", (struct span){0},
					       "neither %s nor %s is installed", programs[family][LEGACY],
					       programs[family][NFT]),
				"on Debian both come with the package iptables");
		return -ENOENT;
	}
	dump_find_rules(&dumps[LEGACY]);
	dump_find_rules(&dumps[NFT]);
	if (dumps[LEGACY].has_rules && dumps[NFT].has_rules) {
		struct diagnostic *error =
		    diagnostic_add(sink, SEVERITY_ERROR, "mixed-flavours", dumps[NFT].first_rule,
				   "iptables-legacy and iptables-nft both hold rules");
		diagnostic_label(error, dumps[LEGACY].first_rule, "a rule of iptables-legacy");
		diagnostic_hint(error,
				"each packet meets both; move the rules to one: iptables-legacy-save | "
				"iptables-nft-restore, then flush the legacy tables");
		return -EINVAL;
	}
	if (dumps[NFT].has_rules || !dumps[LEGACY].source || dumps[LEGACY].source->size == 0)
		*source = dumps[NFT].source ? dumps[NFT].source : dumps[LEGACY].source;
	else
		*source = dumps[LEGACY].source;
	return 0;
}

static int read_family(struct ruleset *ruleset, struct diagnostics *sink, enum family family)
{
	struct dump dumps[FLAVOURS] = {0};
	struct source *source = NULL;
	int result = 0;
	for (int flavour = 0; flavour < FLAVOURS && result == 0; flavour++) {
		const char *arguments[] = {programs[family][flavour], "-c", NULL};
		result =
		    dump_read(ruleset->arena, sink, arguments, programs[family][flavour], &dumps[flavour]);
	}
	if (result == 0)
		result = choose(sink, dumps, family, &source);
	return result == 0 && source ? iptables_save_read(ruleset, sink, source, family) : result;
}

static int read_sets(struct ruleset *ruleset, struct diagnostics *sink)
{
	static const char *const arguments[] = {"ipset", "save", NULL};
	struct dump dump = {0};
	int result = dump_read(ruleset->arena, sink, arguments, "ipset save", &dump);
	if (result < 0 || dump.missing)
		return result;
	return ipset_save_read(ruleset, sink, dump.source);
}

int rules_load_live(struct diagnostics *sink, struct ruleset **ruleset)
{
	struct ruleset *fresh = ruleset_new();
	size_t errors = diagnostics_errors(sink);
	int result = fresh ? read_sets(fresh, sink) : -ENOMEM;
	if (result == 0)
		result = read_family(fresh, sink, FAMILY_IPV4);
	if (result == 0)
		result = read_family(fresh, sink, FAMILY_IPV6);
	if (result == 0 && diagnostics_errors(sink) > errors)
		result = -EINVAL;
	if (result == 0)
		*ruleset = fresh;
	else if (fresh)
		diagnostics_keep(sink, fresh->arena); /* with the sources that the messages show */
	return result;
}
