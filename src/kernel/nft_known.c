/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A file that is appended to: a process that dies, or a disk that is full, leaves a part at its end that is
 * not whole; then the generation that the kernel has is not reached, and nothing is on record. It is never
 * synced: after a crash of the machine it is of another boot. */
#include "kernel/nft_known.h"
#include "kernel/hash.h"
#include "kernel/netlink.h"
#include "kernel/nft_batch.h"
#include "kernel/nft_change.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME "members"
#define NEW_NAME ".members.new"
#define MAGIC "weir-members 1"
#define FEWEST 16384             /* members of a set that is worth it */
#define SIZE_MAX_KEPT (1u << 30) /* bytes */
#define CHANGES_MAX 1024         /* then it is not added to any more */

struct head {
	char magic[16];
	char boot[40];
	uint64_t cookie; /* of the network namespace */
	uint64_t module; /* nf_tables as it was loaded: another load counts generations anew */
};
/* Members, then changes, each behind one of these. */
struct part {
	uint32_t from, to;  /* generations; from 0: all members */
	uint64_t size, sum; /* of the messages behind */
};

/* Of a thread, as its network namespace is. */
static _Thread_local int place = -1; /* of the store opened last */
static _Thread_local bool may_write;

void nft_known_open(int directory)
{
	place = directory;
	may_write = false;
}

void nft_known_allow(int directory, bool writable)
{
	if (writable)
		place = directory;
	if (directory == place)
		may_write = writable;
}

void nft_known_close(int directory)
{
	if (directory == place)
		nft_known_open(-1);
}

/* --- Where and when */

/* Of the calling thread's network namespace. false: the kernel does not say. */
static bool make_head(struct head *head)
{
	int file = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	socklen_t size = sizeof(head->cookie);
	FILE *boot = fopen("/proc/sys/kernel/random/boot_id", "re");
	struct stat module;
	bool known;

	*head = (struct head){.magic = MAGIC};
	if (stat("/sys/module/nf_tables", &module) == 0)
		head->module = module.st_ino;
	known = file >= 0 && getsockopt(file, SOL_SOCKET, SO_NETNS_COOKIE, &head->cookie, &size) == 0 &&
		size == sizeof(head->cookie) && head->cookie;
	known = boot && fscanf(boot, "%39s", head->boot) == 1 && known;
	if (boot)
		fclose(boot);
	if (file >= 0)
		close(file);
	return known;
}

static bool read_at(int file, uint64_t at, void *data, size_t size)
{
	while (size) {
		ssize_t got = pread(file, data, size, (off_t)at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		data = (char *)data + got;
		at += (size_t)got;
		size -= (size_t)got;
	}
	return true;
}

static bool write_all(int file, const void *data, size_t size)
{
	while (size) {
		ssize_t done = write(file, data, size);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		data = (const char *)data + done;
		size -= (size_t)done;
	}
	return true;
}

/* --- Reading */

/* The generation that the file says, and how many parts and bytes of messages it has; 0: it is of another
 * boot, of another network namespace, or damaged. */
static uint32_t survey(int file, uint64_t *end, size_t *parts, uint64_t *bytes)
{
	struct head head, own;
	struct stat status;
	struct part part;
	uint64_t at = sizeof(head), size;
	uint32_t generation = 0;

	*parts = 0;
	*bytes = 0;
	if (!make_head(&own) || fstat(file, &status) < 0 || !read_at(file, 0, &head, sizeof(head)) ||
	    memcmp(&head, &own, sizeof(head)) != 0)
		return 0;
	size = (uint64_t)status.st_size;
	for (; at < size; at += sizeof(part) + part.size) {
		if (size - at < sizeof(part) || !read_at(file, at, &part, sizeof(part)) ||
		    part.size > size - at - sizeof(part) || part.from != generation || !part.to)
			return 0;
		generation = part.to;
		*bytes += part.size;
		++*parts;
	}
	*end = at;
	return *bytes <= SIZE_MAX_KEPT ? generation : 0;
}

/* All messages, their sums checked. */
static bool read_parts(struct arena *arena, int file, uint64_t end, uint64_t bytes, struct text *messages)
{
	char *data = arena_alloc(arena, bytes + 1);
	struct part part;
	size_t filled = 0;

	if (!data)
		return false;
	for (uint64_t at = sizeof(struct head); at < end; at += sizeof(part) + part.size) {
		if (!read_at(file, at, &part, sizeof(part)) || part.size > bytes - filled ||
		    !read_at(file, at + sizeof(part), data + filled, part.size) ||
		    hash_bytes(data + filled, part.size, part.to) != part.sum || part.size % MNL_ALIGNTO)
			return false;
		filled += part.size;
	}
	*messages = (struct text){data, filled};
	return filled == bytes;
}

bool nft_known_holds(uint32_t generation)
{
	int file = place < 0 ? -1 : openat(place, FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	uint64_t end, bytes;
	size_t parts;
	bool holds = file >= 0 && generation && survey(file, &end, &parts, &bytes) == generation;

	if (file >= 0)
		close(file);
	return holds;
}

void nft_known_read(uint32_t generation, struct nft_known **known)
{
	int file = place < 0 ? -1 : openat(place, FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct arena *arena = NULL;
	uint64_t end, bytes;
	size_t parts;

	*known = NULL;
	if (file < 0)
		return;
	if (survey(file, &end, &parts, &bytes) == generation && generation)
		arena = arena_new();
	struct nft_known *read = arena ? arena_alloc(arena, sizeof(*read)) : NULL;
	if (read && read_parts(arena, file, end, bytes, &read->messages)) {
		read->arena = arena;
		*known = read;
	} else if (arena) {
		arena_free(arena);
	}
	close(file);
}

void nft_known_free(struct nft_known *known)
{
	if (known)
		arena_free(known->arena);
}

/* The set that a message is of. */
static bool is_of(const struct nlmsghdr *message, enum family family, const char *set)
{
	const struct nlattr *attributes[NFTA_SET_ELEM_LIST_SET + 1];
	const struct nfgenmsg *general = mnl_nlmsg_get_payload(message);
	char name[NFT_NAME_MAXLEN];

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*general) ||
	    general->nfgen_family != (family == FAMILY_IPV4 ? NFPROTO_IPV4 : NFPROTO_IPV6))
		return false;
	netlink_attributes(message, sizeof(*general), attributes, NFTA_SET_ELEM_LIST_SET);
	netlink_string(attributes[NFTA_SET_ELEM_LIST_SET], name, sizeof(name)); /* as NFTA_SET_NAME */
	return strcmp(name, set) == 0;
}

static bool empties(const struct nlmsghdr *message)
{
	const struct nlattr *attributes[NFTA_SET_ELEM_LIST_ELEMENTS + 1];

	netlink_attributes(message, sizeof(struct nfgenmsg), attributes, NFTA_SET_ELEM_LIST_ELEMENTS);
	return !attributes[NFTA_SET_ELEM_LIST_ELEMENTS];
}

static bool add_messages(const struct text *messages, enum family family, const char *set, struct buffer *raw)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)messages->data;
	int left = (int)messages->size;
	size_t begin = raw->size;
	bool found = false;

	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
		unsigned type = message->nlmsg_type & 0xff;
		if (message->nlmsg_len > (size_t)left) { /* mnl_nlmsg_ok() takes some for negative lengths */
			raw->size = begin;
			return false;
		}
		if (message->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES || !is_of(message, family, set))
			continue;
		if (type == NFT_MSG_NEWSET) {
			found = true; /* a set that is kept has one in front of its members */
		} else if (type == NFT_MSG_DELSETELEM && empties(message)) {
			raw->size = begin;
			buffer_add(raw, (const char *)message, MNL_ALIGN(message->nlmsg_len));
		} else if (found && (type == NFT_MSG_NEWSETELEM || type == NFT_MSG_DELSETELEM)) {
			buffer_add(raw, (const char *)message, MNL_ALIGN(message->nlmsg_len));
		}
	}
	return found;
}

bool nft_known_members(const struct nft_known *known, enum family family, const char *set, struct buffer *raw)
{
	return known && add_messages(&known->messages, family, set, raw);
}

/* --- Writing */

bool nft_known_keeps(const struct nft_set *set)
{
	/* The kernel lets rules fill some sets that do not say so (nft_dynset_init()). */
	return !set->anonymous && !set->filled && !set->ends && !set->catches_all && set->count >= FEWEST &&
	       !(set->flags & (NFT_SET_EVAL | NFT_SET_MAP | NFT_SET_OBJECT));
}

void nft_known_forget(void)
{
	if (place >= 0 && may_write)
		unlinkat(place, FILE_NAME, 0);
}

static void put_set(struct nft_batch *batch, enum family family, const struct nft_set *set)
{
	const struct nft_element **elements = malloc((set->count + 1) * sizeof(*elements));

	if (!elements) {
		batch->bytes.failed = true;
		return;
	}
	for (size_t i = 0; i < set->count; i++)
		elements[i] = &set->elements[i];
	nft_batch_message(batch, family, NFT_MSG_NEWSET, 0);
	nft_put_string(batch, NFTA_SET_TABLE, NFT_TABLE);
	nft_put_string(batch, NFTA_SET_NAME, set->name);
	nft_put_flush(batch, family, set); /* from here on as weir sends it: nft_image_parse() */
	nft_put_elements(batch, family, set, false, elements, set->count);
	free(elements);
}

static bool write_part(int file, const struct text *messages, uint32_t from, uint32_t to)
{
	struct part part = {.from = from,
			    .to = to,
			    .size = messages->size,
			    .sum = hash_bytes(messages->data, messages->size, to)};

	return write_all(file, &part, sizeof(part)) && write_all(file, messages->data, messages->size);
}

static void replace(const struct text *messages, uint32_t generation)
{
	struct head head;
	int file;
	bool written;

	unlinkat(place, NEW_NAME, 0);
	file = openat(place, NEW_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	written = file >= 0 && make_head(&head) && write_all(file, &head, sizeof(head)) &&
		  write_part(file, messages, 0, generation);
	if (file >= 0)
		close(file);
	if (!written || renameat(place, NEW_NAME, place, FILE_NAME) < 0) {
		unlinkat(place, NEW_NAME, 0);
		nft_known_forget();
	}
}

void nft_known_keep(const struct nft_image *image, uint32_t generation)
{
	struct nft_batch batch;
	struct buffer raw = {0};
	size_t count = 0;

	if (place < 0 || !may_write)
		return;
	nft_batch_begin(&batch, 0);
	for (enum family family = 0; family < FAMILY_COUNT; family++)
		for (size_t i = 0; i < image->tables[family].set_count; i++)
			if (nft_known_keeps(&image->tables[family].sets[i])) {
				put_set(&batch, family, &image->tables[family].sets[i]);
				count++;
			}
	nft_batch_take(&batch, &raw);
	if (count && !raw.failed && !batch.bytes.failed && !batch.too_long)
		replace(&(struct text){raw.data, raw.size}, generation);
	else
		nft_known_forget();
	buffer_fini(&raw);
	nft_batch_fini(&batch);
}

void nft_known_append(uint32_t generation, const struct nft_batch *batch)
{
	int file = place < 0 || !may_write ? -1 : openat(place, FILE_NAME, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	struct buffer raw = {0};
	uint64_t end, bytes;
	size_t parts;

	if (file < 0)
		return;
	nft_batch_messages(batch, &raw);
	/* What does not lead from what is on record is no use, and a part that is not whole hides the rest.
	 */
	if (raw.failed || !raw.size || survey(file, &end, &parts, &bytes) != generation ||
	    parts > CHANGES_MAX || lseek(file, (off_t)end, SEEK_SET) < 0 ||
	    !write_part(file, &(struct text){raw.data, raw.size}, generation,
			nft_generation_behind(generation)))
		nft_known_forget();
	close(file);
	buffer_fini(&raw);
}
