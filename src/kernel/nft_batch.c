/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Transactions of nftables. The kernel answers each message that failed, and the first one after
 * NFNL_MSG_BATCH_BEGIN in any case, for which NLM_F_ACK asks; sendmsg(2) returns when it has answered. */
#include "kernel/nft_batch.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>

#define NESTED_MAX UINT16_MAX
#define ANSWER_SIZE 65536
#define SEQUENCE 1 /* of the first message */

static void pad(struct nft_batch *batch)
{
	static const char zeros[MNL_ALIGNTO];
	size_t over = batch->bytes.size % MNL_ALIGNTO;

	if (over)
		buffer_add(&batch->bytes, zeros, MNL_ALIGNTO - over);
}

/* The message's length is known once the next one begins. */
static void message_end(struct nft_batch *batch)
{
	uint32_t size;

	if (batch->bytes.failed || !batch->count)
		return;
	pad(batch);
	size = (uint32_t)(batch->bytes.size - batch->message);
	memcpy(batch->bytes.data + batch->message, &size, sizeof(size));
}

static void message_begin(struct nft_batch *batch, unsigned type, unsigned flags, uint8_t family,
			  uint16_t resource)
{
	struct {
		struct nlmsghdr header;
		struct nfgenmsg general;
	} head = {.header = {.nlmsg_type = (uint16_t)type,
			     .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
			     .nlmsg_seq = (uint32_t)(SEQUENCE + batch->count)},
		  .general = {.nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(resource)}};

	message_end(batch);
	batch->message = batch->bytes.size;
	batch->count++;
	buffer_add(&batch->bytes, (const char *)&head, sizeof(head));
}

void nft_batch_begin(struct nft_batch *batch, uint32_t generation)
{
	*batch = (struct nft_batch){0};
	message_begin(batch, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	nft_put_u32(batch, NFNL_BATCH_GENID, generation);
}

void nft_batch_messages(const struct nft_batch *batch, struct buffer *messages)
{
	uint32_t first;

	if (batch->bytes.failed)
		return;
	memcpy(&first, batch->bytes.data, sizeof(first));
	buffer_add(messages, batch->bytes.data + first, batch->bytes.size - first);
}

void nft_batch_take(struct nft_batch *batch, struct buffer *messages)
{
	message_end(batch);
	nft_batch_messages(batch, messages);
}

void nft_batch_fini(struct nft_batch *batch)
{
	buffer_fini(&batch->bytes);
}

void nft_batch_message(struct nft_batch *batch, enum family family, unsigned type, unsigned flags)
{
	message_begin(batch, NFNL_SUBSYS_NFTABLES << 8 | type, flags | (batch->count == 1 ? NLM_F_ACK : 0),
		      family == FAMILY_IPV4 ? NFPROTO_IPV4 : NFPROTO_IPV6, 0);
}

void nft_put(struct nft_batch *batch, unsigned type, const void *data, size_t size)
{
	struct nlattr attribute = {.nla_len = (uint16_t)(MNL_ATTR_HDRLEN + size), .nla_type = (uint16_t)type};

	if (size > NESTED_MAX - MNL_ATTR_HDRLEN) {
		batch->too_long = true;
		return;
	}
	pad(batch);
	buffer_add(&batch->bytes, (const char *)&attribute, sizeof(attribute));
	if (size)
		buffer_add(&batch->bytes, data, size);
	pad(batch);
}

void nft_put_string(struct nft_batch *batch, unsigned type, const char *string)
{
	nft_put(batch, type, string, strlen(string) + 1);
}

void nft_put_u32(struct nft_batch *batch, unsigned type, uint32_t value)
{
	value = htonl(value);
	nft_put(batch, type, &value, sizeof(value));
}

void nft_put_u64(struct nft_batch *batch, unsigned type, uint64_t value)
{
	value = htobe64(value);
	nft_put(batch, type, &value, sizeof(value));
}

void nft_put_copy(struct nft_batch *batch, const struct nlattr *attribute)
{
	nft_put(batch, attribute->nla_type, mnl_attr_get_payload(attribute),
		mnl_attr_get_payload_len(attribute));
}

size_t nft_nest_begin(struct nft_batch *batch, unsigned type)
{
	size_t nest;

	pad(batch);
	nest = batch->bytes.size;
	nft_put(batch, type | NLA_F_NESTED, NULL, 0);
	return nest;
}

size_t nft_nest_size(const struct nft_batch *batch, size_t nest)
{
	return batch->bytes.size - nest;
}

void nft_nest_end(struct nft_batch *batch, size_t nest)
{
	size_t size;
	uint16_t length;

	pad(batch);
	size = nft_nest_size(batch, nest);
	if (batch->bytes.failed)
		return;
	batch->too_long |= size > NESTED_MAX;
	length = (uint16_t)size;
	memcpy(batch->bytes.data + nest, &length, sizeof(length));
}

/* Answers: the first error of the kernel, and whether it has acknowledged. */
struct answer {
	int error;
	uint32_t sequence; /* of the message that failed */
	bool acknowledged;
};

static void take_answers(const char *data, size_t size, struct answer *answer)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)data;
	int left = (int)size;

	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
		if (message->nlmsg_type != NLMSG_ERROR ||
		    mnl_nlmsg_get_payload_len(message) < sizeof(struct nlmsgerr))
			continue;
		const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);
		if (error->error == 0) {
			answer->acknowledged = true;
		} else if (!answer->error) {
			answer->error = error->error;
			answer->sequence = error->msg.nlmsg_seq;
		}
	}
}

static int collect_answers(struct mnl_socket *socket, struct answer *answer)
{
	char *data = malloc(ANSWER_SIZE);
	ssize_t size;

	if (!data)
		return -ENOMEM;
	for (;;) {
		size = recv(mnl_socket_get_fd(socket), data, ANSWER_SIZE, MSG_DONTWAIT);
		/* ENOBUFS, once: more answers than there is room for; the first ones are there to be read. */
		if (size < 0 && (errno == EINTR || errno == ENOBUFS))
			continue;
		if (size <= 0)
			break;
		take_answers(data, (size_t)size, answer);
	}
	free(data);
	return 0;
}

/* What stands behind errors of nf_tables that the names of the errors do not tell. */
static void explain(const struct nft_batch *batch, const struct answer *answer, struct buffer *why)
{
	static const struct {
		int error;
		const char *words;
	} known[] = {
	    {-EPERM, "not permitted; weir needs root (CAP_NET_ADMIN)"},
	    {-ENOSPC, "a set is full: it has more members than its size allows"},
	    {-ENFILE, "a set is full: it has more members than its size allows"},
	    {-ENOMEM, "the kernel has not the memory for it"},
	    {-ENOBUFS, "the kernel has not the memory for it"},
	    {-EEXIST, "something of that name, or a member, is there already"},
	    {-ENOTEMPTY, "a member overlaps another one"},
	    {-ENOENT, "something that it changes is gone, or the kernel has not what it takes"},
	    {-EBUSY, "something that it deletes is in use"},
	    {-EMLINK, "too many jumps, or one of them leads back"},
	    {-EOPNOTSUPP, "the kernel has no such match, target, hook or flag"},
	    {-EINVAL, "the kernel does not take it"},
	};
	const char *words = strerror(-answer->error);

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (known[i].error == answer->error)
			words = known[i].words;
	buffer_printf(why, "%s", words);
	if (answer->sequence > SEQUENCE)
		buffer_printf(why, " (%s, message %u of %zu)", strerrorname_np(-answer->error),
			      answer->sequence - SEQUENCE, batch->count - 2);
}

static int open_socket(struct mnl_socket **socket, size_t size)
{
	int room = size > INT32_MAX / 2 ? INT32_MAX / 2 : (int)size + 65536;

	*socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!*socket)
		return -errno;
	if (mnl_socket_bind(*socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		int error = -errno;
		mnl_socket_close(*socket);
		*socket = NULL;
		return error;
	}
	/* Errors without the messages that they are of: more of them have room. */
	int on = 1;
	mnl_socket_setsockopt(*socket, NETLINK_CAP_ACK, &on, sizeof(on));
	/* Without the privilege the limit of all sockets holds, and a large transaction is EMSGSIZE. */
	if (setsockopt(mnl_socket_get_fd(*socket), SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) < 0)
		setsockopt(mnl_socket_get_fd(*socket), SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	return 0;
}

static int exchange(const struct nft_batch *batch, struct answer *answer, struct buffer *why)
{
	struct mnl_socket *socket;
	int error = open_socket(&socket, batch->bytes.size);
	ssize_t sent;

	if (error) {
		buffer_printf(why, "no netlink socket: %s", strerror(-error));
		return error;
	}
	do
		sent = mnl_socket_sendto(socket, batch->bytes.data, batch->bytes.size);
	while (sent < 0 && errno == EINTR);
	if (sent < 0) {
		error = -errno;
		if (error == -EMSGSIZE)
			buffer_printf(why, "a transaction of %zu bytes is more than the kernel takes at once",
				      batch->bytes.size);
		else
			buffer_printf(why, "cannot send a transaction: %s", strerror(-error));
	} else {
		error = collect_answers(socket, answer);
	}
	mnl_socket_close(socket);
	return error;
}

int nft_batch_send(struct nft_batch *batch, struct buffer *why)
{
	struct answer answer = {0};
	int error;

	message_begin(batch, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	message_end(batch);
	if (batch->bytes.failed) {
		buffer_puts(why, "out of memory");
		return -ENOMEM;
	}
	if (batch->too_long) {
		buffer_puts(why, "a rule is longer than netlink can carry");
		return -E2BIG;
	}
	if (batch->count == 2)
		return 0; /* nothing in it */
	error = exchange(batch, &answer, why);
	if (error)
		return error;
	if (answer.error) {
		explain(batch, &answer, why);
		return answer.error;
	}
	if (!answer.acknowledged) {
		buffer_puts(why, "the kernel did not answer");
		return -EPROTO;
	}
	return 0;
}
