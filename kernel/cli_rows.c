/* `galvan rows`: a plugin's tables as JSON, one row a line. For support and for tests: what the store really holds. */
#include "cli_command.h"

#include <lib/json.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_ROWS 500
#define ROWS_TIMEOUT_MS 30000

static const Kernel__Record *find_record(const struct gv_cli *cli, const char *plugin)
{
	size_t n = strcspn(plugin, ".");

	for (size_t i = 0; i < cli->records->n_plugins; i++) {
		const char *name = cli->records->plugins[i]->name;

		if (strlen(name) == n && !strncmp(name, plugin, n))
			return cli->records->plugins[i];
	}
	return NULL;
}

static int list_tables(const struct gv_cli *cli, const char *plugin)
{
	const Kernel__Record *record = find_record(cli, plugin);

	if (!record) {
		fprintf(stderr, "not_found: no plugin %s on this node; `galvan ctl plugins` lists them\n", plugin);
		return GV_CLI_REFUSED;
	}
	for (size_t i = 0; i < record->n_tables; i++)
		printf("%-24s %-4s %s\n", record->tables[i]->name, record->tables[i]->key, record->tables[i]->type);
	return GV_CLI_OK;
}

static void print_row(const struct gv_cli *cli, const Kernel__Row *row)
{
	const struct gv_type *type = gv_schema_type(cli->schema, row->type);
	struct gv_buf out = { 0 };

	gv_buf_puts(&out, "{\"key\":[");
	for (size_t i = 0; i < row->n_key; i++) {
		if (i)
			gv_buf_putc(&out, ',');
		gv_json_string(&out, row->key[i], strlen(row->key[i]));
	}
	gv_buf_puts(&out, "],\"type\":");
	gv_json_string(&out, row->type, strlen(row->type));
	gv_buf_puts(&out, ",\"value\":");
	if (!type || gv_json_write(type, row->value.data, row->value.len, 0, &out))
		gv_buf_puts(&out, "null");
	gv_buf_putc(&out, '}');
	puts(gv_buf_str(&out));
	gv_buf_fini(&out);
}

/* Asks for the page behind `after`; NULL and a code on failure. */
static Kernel__ListRowsReply *ask_page(struct gv_cli *cli, uint32_t limit, ProtobufCBinaryData after, int *ret_code)
{
	Kernel__ListRowsRequest request = KERNEL__LIST_ROWS_REQUEST__INIT;
	Kernel__ListRowsReply *page;
	uint8_t *bytes, *packed = NULL;
	size_t size = 0;

	request.plugin = cli->argv[0];
	request.table = cli->argv[1];
	request.limit = limit;
	request.after = after;
	bytes = malloc(kernel__list_rows_request__get_packed_size(&request) + 1);
	if (!bytes) {
		*ret_code = gv_cli_fail(GV_CLI_REFUSED, "out of memory");
		return NULL;
	}
	*ret_code = gv_cli_ask(cli, "galvan.kernel.v1.Plugin/ListRows", cli->argv[0], bytes,
			       kernel__list_rows_request__pack(&request, bytes),
			       cli->timeout_ms ? cli->timeout_ms : ROWS_TIMEOUT_MS, &packed, &size);
	free(bytes);
	if (*ret_code)
		return NULL;
	page = kernel__list_rows_reply__unpack(NULL, size, packed);
	free(packed);
	if (!page)
		*ret_code = gv_cli_fail(
			GV_CLI_REFUSED,
			"the node's answer cannot be read: it runs another version of galvan than this command");
	return page;
}

int gv_cli_rows(struct gv_cli *cli)
{
	uint64_t left = cli->limit ? cli->limit : UINT64_MAX;
	Kernel__ListRowsReply *page = NULL;
	int code = gv_cli_learn(cli);

	if (code || cli->argc == 1)
		return code ? code : list_tables(cli, cli->argv[0]);
	while (left) {
		ProtobufCBinaryData after = { 0 };
		Kernel__ListRowsReply *next;

		if (page)
			after = page->rows[page->n_rows - 1]->raw_key;
		next = ask_page(cli, (uint32_t)(left < PAGE_ROWS ? left : PAGE_ROWS), after, &code);
		if (page)
			kernel__list_rows_reply__free_unpacked(page, NULL);
		page = next;
		if (!page || !page->n_rows)
			break;
		for (size_t i = 0; i < page->n_rows; i++)
			print_row(cli, page->rows[i]);
		left -= page->n_rows < left ? page->n_rows : left;
	}
	if (page)
		kernel__list_rows_reply__free_unpacked(page, NULL);
	return code;
}
