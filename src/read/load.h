/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * RULES... arguments: files recognised by content, a directory in the layout of /etc/iptables, or --live. */
#ifndef WEIR_READ_LOAD_H
#define WEIR_READ_LOAD_H

#include "base/diagnostic.h"
#include "ruleset/ruleset.h"

/* Reads all of them into one ruleset. Sets are read first, so that rules may use them whatever the order of
 * the arguments; chains are linked, checked for loops and ordered. A file is ipset save (its first word is
 * create or add, or it has "create" lines), else iptables-save; of IPv6 when its first comment says
 * ip6tables, its name ends in 6 or .v6, or an address in it is IPv6 (both kinds of evidence in one file: an
 * error that says so). A directory: rules.v4, rules.v6, ipsets (each may be missing, not all). Returns 0;
 * -EINVAL with diagnostics; -ENOMEM; another -errno with a diagnostic when a file cannot be read. */
int rules_load(const char *const *paths, size_t count, struct diagnostics *sink, struct ruleset **ruleset);

/* What iptables-legacy-save, iptables-nft-save, their IPv6 forms and `ipset save` print in this network
 * namespace. Both flavours holding rules at once is an error: they judge a packet twice. -ENOENT with a
 * diagnostic when a program is missing. */
int rules_load_live(struct diagnostics *sink, struct ruleset **ruleset);

#endif
