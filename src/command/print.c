/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir print: what was read, as iptables-save, ip6tables-save and ipset save print it, or as nft(8) takes it.
 */
#include "command/command.h"
#include "command/live.h"
#include "nftables/nft.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char help[] =
    "Usage: weir print RULES... [options]\n"
    "\n"
    "Writes what was read, as iptables-save prints it: the tables of IPv4 in the order of the input, then\n"
    "those of IPv6. Each rule is printed from what weir understood of it, not from its text.\n"
    "\n"
    "  -4, --ipv4               IPv4 alone\n"
    "  -6, --ipv6               IPv6 alone\n"
    "  -t, --table NAME         this table alone\n"
    "  -c, --counters           the counters of rules and policies; without it policies have 0, or with "
    "--live\n"
    "                           those of the kernel, as iptables-save prints after iptables-restore\n"
    "      --format NAME        iptables (as above); ipset: the sets, as ipset save prints them; nft: all of "
    "it, for\n"
    "                           `nft -f`, unless there is a rule that nftables has no exact words for\n"
    "      --live               the rules and sets that are loaded in this network namespace, with those of "
    "weir apply\n"
    "      --help\n";

enum format { FORMAT_IPTABLES, FORMAT_IPSET, FORMAT_NFT };

static const char *const format_names[] = {"iptables", "ipset", "nft"};

struct printing {
	const char *table; /* NULL: all */
	bool families[FAMILY_COUNT];
	bool counters, live;
	enum format format;
};

static void print_comment(const char *what, enum family family, enum flavour flavour, struct buffer *out)
{
	time_t now = time(NULL);
	char date[32] = "";

	if (!ctime_r(&now, date))
		date[0] = '\0';
	date[strcspn(date, "\n")] = '\0';
	if (flavour == FLAVOUR_UNKNOWN)
		buffer_printf(out, "# %s on %s\n", what, date);
	else
		buffer_printf(out, "# %s by %s-save v1.8.9%s on %s\n", what,
			      family == FAMILY_IPV4 ? "iptables" : "ip6tables",
			      flavour == FLAVOUR_NFT ? " (nf_tables)" : "", date);
}

/* The table that came next in the input. */
static const struct table *next_table(const struct ruleset *ruleset, enum family family, uint32_t after)
{
	const struct table *next = NULL;

	for (int i = 0; i < TABLE_COUNT; i++) {
		const struct table *table = &ruleset->tables[family][i];

		if (table->present && table->order > after && (!next || table->order < next->order))
			next = table;
	}
	return next;
}

static void print_family(const struct ruleset *ruleset, enum family family, const struct printing *printing,
			 struct buffer *out)
{
	for (const struct table *table = next_table(ruleset, family, 0); table;
	     table = next_table(ruleset, family, table->order)) {
		if (printing->table && strcmp(table_names[table->id], printing->table) != 0)
			continue;
		print_comment("Generated", family,
			      table->flavour == FLAVOUR_UNKNOWN ? FLAVOUR_LEGACY : table->flavour, out);
		enum table_counters counters = printing->counters ? COUNTERS_ALL
					       : printing->live   ? COUNTERS_POLICIES
								  : COUNTERS_NONE;
		table_print(table, counters, out);
		print_comment("Completed", family, FLAVOUR_UNKNOWN, out);
	}
}

/* What of that family stands in tables of the other flavour, behind a line in the words of iptables-nft-save.
 */
static void print_beside(const struct ruleset *beside, enum family family, const struct printing *printing,
			 struct buffer *out)
{
	const char *name = family == FAMILY_IPV4 ? "iptables" : "ip6tables";

	buffer_printf(
	    out,
	    "# Warning: %s-legacy tables present, use %s-legacy-save to see them: these above. Each packet "
	    "meets them and those of %s-nft below.\n",
	    name, name, name);
	print_family(beside, family, printing, out);
}

/* Of that family weir's own tables, where iptables holds rules, too. */
static void print_applied(const struct ruleset *iptables, const struct ruleset *applied, enum family family,
			  const struct printing *printing, struct buffer *out)
{
	if (next_table(iptables, family, 0))
		buffer_printf(
		    out,
		    "# Warning: weir's own tables in nftables (weir apply) present, too. Each packet meets "
		    "those of %s above and these below.\n",
		    family == FAMILY_IPV4 ? "iptables" : "ip6tables");
	print_family(applied, family, printing, out);
}

static int print_nft(const struct live_rules *rules, struct buffer *out)
{
	struct diagnostics *sink __attribute__((cleanup(diagnostics_cleanup))) = diagnostics_new();
	struct buffer said = {0};

	if (rules->applied)
		return command_fail("print", EXIT_USAGE,
				    "iptables and weir's own tables both hold rules, and each packet meets "
				    "both: print them one by one");
	if (rules->beside)
		return command_fail("print", EXIT_USAGE,
				    "iptables-legacy and iptables-nft both hold rules, and each packet meets "
				    "both: print them one by one");
	int error = sink ? nft_print(rules->ruleset, out, sink) : -ENOMEM;
	if (sink)
		diagnostics_print(sink, &said);
	if (said.data)
		fputs(said.data, stderr);
	buffer_fini(&said);
	return error == -EINVAL
		   ? command_fail("print", EXIT_USAGE, "nftables cannot do exactly what these rules do")
	       : error ? command_fail("print", EXIT_SYSTEM, "out of memory")
		       : EXIT_DONE;
}

static bool table_known(const char *name)
{
	for (int i = 0; i < TABLE_COUNT; i++)
		if (strcmp(table_names[i], name) == 0)
			return true;
	return false;
}

static bool format_known(const char *name, enum format *format)
{
	for (unsigned i = 0; i < sizeof(format_names) / sizeof(*format_names); i++)
		if (strcmp(format_names[i], name) == 0) {
			*format = (enum format)i;
			return true;
		}
	return false;
}

static int run(const char *const *paths, size_t count, const struct printing *printing)
{
	struct live_rules rules __attribute__((cleanup(live_rules_fini))) = {0};
	struct buffer out = {0};
	int code = command_load_apart(paths, count, printing->live, &rules);

	if (code)
		return code;
	for (int family = 0; family < FAMILY_COUNT && printing->format == FORMAT_IPTABLES; family++) {
		if (!printing->families[family])
			continue;
		print_family(rules.ruleset, (enum family)family, printing, &out);
		if (rules.beside && rules.beside->has_family[family])
			print_beside(rules.beside, (enum family)family, printing, &out);
		if (rules.applied && rules.applied->has_family[family])
			print_applied(rules.ruleset, rules.applied, (enum family)family, printing, &out);
	}
	if (printing->format == FORMAT_IPSET)
		ruleset_print_sets(rules.ruleset, &out);
	if (printing->format == FORMAT_IPSET && rules.applied)
		ruleset_print_sets(rules.applied, &out);
	if (printing->format == FORMAT_NFT)
		code = print_nft(&rules, &out);
	if (out.failed && !code)
		code = command_fail("print", EXIT_SYSTEM, "out of memory");
	else if (out.size && !code)
		fwrite(out.data, 1, out.size, stdout);
	buffer_fini(&out);
	return code;
}

static int print_main(int argc, char **argv)
{
	enum { FORMAT = 256, LIVE };
	static const struct option options[] = {{"ipv4", no_argument, NULL, '4'},
						{"ipv6", no_argument, NULL, '6'},
						{"table", required_argument, NULL, 't'},
						{"counters", no_argument, NULL, 'c'},
						{"format", required_argument, NULL, FORMAT},
						{"live", no_argument, NULL, LIVE},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	struct printing printing = {.families = {true, true}};
	int option;

	optind = 0;
	while ((option = getopt_long(argc, argv, "46t:c", options, NULL)) != -1) {
		switch (option) {
		case 'h':
			fputs(help, stdout);
			return EXIT_DONE;
		case '4':
		case '6':
			printing.families[option == '4' ? FAMILY_IPV6 : FAMILY_IPV4] = false;
			break;
		case 't':
			if (!table_known(optarg))
				return command_fail("print", EXIT_USAGE, "there is no table %s", optarg);
			printing.table = optarg;
			break;
		case 'c':
			printing.counters = true;
			break;
		case FORMAT:
			if (!format_known(optarg, &printing.format))
				return command_fail("print", EXIT_USAGE,
						    "--format is iptables, ipset or nft, not %s", optarg);
			break;
		case LIVE:
			printing.live = true;
			break;
		default:
			return EXIT_USAGE;
		}
	}
	if (!printing.families[FAMILY_IPV4] && !printing.families[FAMILY_IPV6])
		return command_fail("print", EXIT_USAGE, "-4 and -6 together leave nothing");
	/* Its counters stand in for those of the kernel from the moment it is loaded, and it replaces what an
	 * earlier one left: a part of it is another thing. */
	if (printing.format == FORMAT_NFT &&
	    (printing.table || !printing.families[FAMILY_IPV4] || !printing.families[FAMILY_IPV6]))
		return command_fail("print", EXIT_USAGE, "--format nft writes all of it: no -4, -6 or -t");
	return run((const char *const *)argv + optind, (size_t)(argc - optind), &printing);
}

const struct command command_print = {"print", print_main,
				      "write the rules as iptables-save prints them, or for nft"};
