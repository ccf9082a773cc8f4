/* OCPI tariffs: nothing is lost on the way through, what is not understood is refused by name, what can never apply
 * too. */
#include "world.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../leaks.h"

TestSuite(ocpi, .fini = check_leaks);

#define FLAT "{'type':'FLAT','price':1,'step_size':1}"
#define KWH "{'type':'ENERGY','price':0.25,'step_size':1}"

static char *quoted(const char *text)
{
	char *copy = strdup(text);
	for (char *at = copy; *at; at++)
		if (*at == '\'')
			*at = '"';
	return copy;
}

static void expect_written(const char *text, const char *written)
{
	struct billing_tariff t = world_tariff(text), again;
	struct gv_buf out = { 0 }, second = { 0 };
	struct billing_error error;
	char *wanted = quoted(written);
	cr_assert_eq(billing_ocpi_write(&t, &out), 0);
	cr_expect_str_eq(gv_buf_str(&out), wanted);
	cr_assert_eq(billing_ocpi_read((char *)out.data, out.size, &again, &error), 0, "%s: %s", error.field,
		     error.text);
	cr_assert_eq(billing_ocpi_write(&again, &second), 0);
	cr_expect_str_eq(gv_buf_str(&second), gv_buf_str(&out), "it does not come back the same");
	billing_tariff_fini(&t);
	billing_tariff_fini(&again);
	gv_buf_fini(&out);
	gv_buf_fini(&second);
	free(wanted);
}

Test(ocpi, what_is_read_is_written_whole)
{
	expect_written("{'id':'1','currency':'EUR','elements':[{'price_components':[" KWH "]}]}",
		       "{'id':'1','currency':'EUR','elements':[{'price_components':["
		       "{'type':'ENERGY','price':0.25,'step_size':1}]}]}");
	expect_written("{'elements':[{'restrictions':{'day_of_week':['SUNDAY','MONDAY'],'start_time':'09:30','end_time'"
		       ":'00:00',"
		       "'start_date':'2026-01-31','end_date':'2028-02-29','min_kwh':0.5,'max_kwh':20,'min_current':0.0,"
		       "'max_current':32.5,'min_power':1e1,'max_power':22.123456,'min_duration':0,'max_duration':3600,"
		       "'reservation':'RESERVATION'},'price_components':[{'step_size':60,'vat':20.5,'price':1.230000,'"
		       "type':'TIME'}]},"
		       "{'price_components':[" FLAT
		       "],'restrictions':{}}],'id':'A/b-1','currency':'KWD','tax_included':'N/A',"
		       "'min_price':{'before_taxes':0.5},'max_price':{'before_taxes':10,'after_taxes':12},"
		       "'start_date_time':'2026-06-30T22:00:00Z','end_date_time':'2027-06-30T22:00:00Z',"
		       "'galvan':{'idle_cap':4.5,'idle_grace_s':600,'waive_flat_if_wh_below':100}}",
		       "{'id':'A/b-1','currency':'KWD','tax_included':'N/A','min_price':{'before_taxes':0.5},"
		       "'max_price':{'before_taxes':10,'after_taxes':12},'elements':[{'price_components':["
		       "{'type':'TIME','price':1.23,'vat':20.5,'step_size':60}],'restrictions':{'start_time':'09:30','"
		       "end_time':'00:00',"
		       "'start_date':'2026-01-31','end_date':'2028-02-29','min_kwh':0.5,'max_kwh':20,'min_current':0,'"
		       "max_current':32.5,"
		       "'min_power':10,'max_power':22.123456,'min_duration':0,'max_duration':3600,'day_of_week':['"
		       "MONDAY','SUNDAY'],"
		       "'reservation':'RESERVATION'}},{'price_components':[{'type':'FLAT','price':1,'step_size':1}],'"
		       "restrictions':{}}],"
		       "'start_date_time':'2026-06-30T22:00:00.000Z','end_date_time':'2027-06-30T22:00:00.000Z',"
		       "'galvan':{'idle_grace_s':600,'idle_cap':4.5,'waive_flat_if_wh_below':100}}");
}

Test(ocpi, keeps_what_prices_nothing_to_the_letter)
{
	expect_written(
		"{'id':'1','country_code':'DE', 'x_new' : [ 1.50, {'a' : '}\\\\' } ] ,'currency':'EUR',"
		"'tariff_alt_text':[{'language':'en','text':'2 euro / h'}],"
		"'elements':[{'price_components':[" KWH "]}],'last_updated':'2026-01-01T00:00:00Z'}",
		"{'id':'1','currency':'EUR','country_code':'DE','x_new':[ 1.50, {'a' : '}\\\\' } ],"
		"'tariff_alt_text':[{'language':'en','text':'2 euro / h'}],'last_updated':'2026-01-01T00:00:00Z',"
		"'elements':[{'price_components':[{'type':'ENERGY','price':0.25,'step_size':1}]}]}");
}

Test(ocpi, keeps_the_names_of_2_2_1)
{
	expect_written(
		"{'id':'1','currency':'EUR','min_price':{'excl_vat':0.5,'incl_vat':0.55},'vat':null,'max_price':null,"
		"'elements':[{'price_components':[" KWH "]}]}",
		"{'id':'1','currency':'EUR','vat':null,'min_price':{'excl_vat':0.5,'incl_vat':0.55},"
		"'elements':[{'price_components':[{'type':'ENERGY','price':0.25,'step_size':1}]}]}");
}

/* The tariff is refused, and the reason names the field and has this in it. */
static void refuse(const char *text, const char *field, const char *reason)
{
	struct billing_tariff t = { .id = "untouched" };
	struct billing_error error = { 0 };
	char *json = quoted(text);
	cr_expect_eq(billing_ocpi_read(json, strlen(json), &t, &error), -EINVAL, "%s was taken", text);
	cr_expect_str_eq(error.field, field, "%s: %s", error.text, text);
	cr_expect(strstr(error.text, reason), "%s: %s, not %s", error.field, error.text, reason);
	cr_expect_str_eq(t.id, "untouched");
	free(json);
}

static void refuse_elements(const char *elements, const char *field, const char *reason)
{
	char text[4096];
	snprintf(text, sizeof text, "{'id':'1','currency':'EUR','elements':[%s]}", elements);
	refuse(text, field, reason);
}

static void refuse_restrictions(const char *restrictions, const char *name, const char *reason)
{
	char element[2048], field[128];
	snprintf(element, sizeof element, "{'price_components':[" KWH "],'restrictions':{%s}}", restrictions);
	snprintf(field, sizeof field, "elements[0].restrictions.%s", name);
	refuse_elements(element, field, reason);
}

static void refuse_component(const char *component, const char *name, const char *reason)
{
	char element[2048], field[128];
	snprintf(element, sizeof element, "{'price_components':[%s]}", component);
	snprintf(field, sizeof field, "elements[0].price_components[0]%s%s", *name ? "." : "", name);
	refuse_elements(element, field, reason);
}

#define ELEMENTS "'elements':[{'price_components':[" KWH "]}]"

Test(ocpi, refuses_a_tariff_by_the_name_of_what_is_wrong)
{
	refuse("nonsense", "", "");
	refuse("[]", "", "must be an object");
	refuse("{'currency':'EUR'," ELEMENTS "}", "id", "missing");
	refuse("{'id':'',  'currency':'EUR'," ELEMENTS "}", "id", "empty");
	refuse("{'id':7,  'currency':'EUR'," ELEMENTS "}", "id", "must be a string");
	refuse("{'id':'1234567890123456789012345678901234567','currency':'EUR'," ELEMENTS "}", "id", "longer than 36");
	refuse("{'id':'\\u0031','currency':'EUR'," ELEMENTS "}", "id", "ASCII");
	refuse("{'id':'1','id':'2','currency':'EUR'," ELEMENTS "}", "id", "twice");
	refuse("{'id':'1'," ELEMENTS "}", "currency", "missing");
	refuse("{'id':'1','currency':'EUX'," ELEMENTS "}", "currency", "ISO 4217");
	refuse("{'id':'1','currency':'EURO'," ELEMENTS "}", "currency", "longer than 3");
	refuse("{'id':'1','currency':'EUR'}", "elements", "missing");
	refuse("{'id':'1','currency':'EUR','elements':[]}", "elements", "empty");
	refuse("{'id':'1','currency':'EUR','elements':{}}", "elements", "list");
	refuse("{'id':'1','currency':'EUR','tax_included':true," ELEMENTS "}", "tax_included", "one of NO YES N/A");
	refuse("{'id':'1','currency':'EUR','start_date_time':'now'," ELEMENTS "}", "start_date_time", "must be a time");
	refuse("{'id':'1','currency':'EUR','start_date_time':'2026-01-01T00:00:00Z','end_date_time':'2025-01-01T00:00:"
	       "00Z'," ELEMENTS "}",
	       "end_date_time", "after start_date_time");
	refuse("{'id':'1','currency':'EUR','min_price':{'after_taxes':1}," ELEMENTS "}", "min_price.before_taxes",
	       "missing");
	refuse("{'id':'1','currency':'EUR','min_price':{'before_taxes':2,'after_taxes':1}," ELEMENTS "}",
	       "min_price.after_taxes", "below before_taxes");
	refuse("{'id':'1','currency':'EUR','min_price':{'before_taxes':2},'max_price':{'before_taxes':1}," ELEMENTS "}",
	       "max_price.before_taxes", "below min_price");
	refuse("{'id':'1','currency':'EUR','min_price':{'before_taxes':2},'max_price':{'excl_vat':3}," ELEMENTS "}",
	       "max_price.excl_vat", "mixes");
	refuse("{'id':'1','currency':'EUR','max_price':{'before_taxes':2,'net':1}," ELEMENTS "}", "max_price.net",
	       "not known");
	refuse("{'id':'1','currency':'EUR','galvan':{'idle_gap':1}," ELEMENTS "}", "galvan.idle_gap", "idle_cap");
	refuse("{'id':'1','currency':'EUR','galvan':{'idle_cap':-1}," ELEMENTS "}", "galvan.idle_cap", "0 to");
}

Test(ocpi, refuses_components_that_it_cannot_charge_by)
{
	refuse_component("7", "", "must be an object");
	refuse_component("{'price':1,'step_size':1}", "type", "missing");
	refuse_component("{'type':'SOC','price':1,'step_size':1}", "type", "one of FLAT ENERGY TIME PARKING_TIME");
	refuse_component("{'type':'FLAT','step_size':1}", "price", "missing");
	refuse_component("{'type':'FLAT','price':-0.5,'step_size':1}", "price", "0 to");
	refuse_component("{'type':'FLAT','price':'1','step_size':1}", "price", "number");
	refuse_component("{'type':'FLAT','price':0.1234567,'step_size':1}", "price", "6 decimals");
	refuse_component("{'type':'FLAT','price':1e10,'step_size':1}", "price", "0 to 1000000000");
	refuse_component("{'type':'FLAT','price':1}", "step_size", "missing");
	refuse_component("{'type':'TIME','price':1,'step_size':0.5}", "step_size", "whole");
	refuse_component("{'type':'TIME','price':1,'step_size':100000000}", "step_size", "range");
	refuse_component("{'type':'FLAT','price':1,'step_size':1,'vat':100.1}", "vat", "0 to 100");
	refuse_component("{'type':'FLAT','price':1,'step_size':1,'free':true}", "free", "not known");
	refuse_component("{'type':'FLAT','price':1,'price':1,'step_size':1}", "price", "twice");
	refuse_elements("{'price_components':[" KWH "," KWH "]}", "elements[0].price_components[1].type", "twice");
	refuse_elements("{'price_components':[]}", "elements[0].price_components", "empty");
	refuse_elements("{'price_components':[" KWH "],'x':1}", "elements[0].x", "not known");
}

Test(ocpi, refuses_restrictions_that_can_never_hold)
{
	refuse_restrictions("'min_kwh':2,'max_kwh':2", "max_kwh", "above min_kwh");
	refuse_restrictions("'min_kwh':3,'max_kwh':2", "max_kwh", "above min_kwh");
	refuse_restrictions("'max_duration':0", "max_duration", "never");
	refuse_restrictions("'min_current':16,'max_current':10", "max_current", "above min_current");
	refuse_restrictions("'start_time':'09:00','end_time':'09:00'", "end_time", "equals start_time");
	refuse_restrictions("'start_date':'2026-02-01','end_date':'2026-02-01'", "end_date", "above start_date");
	refuse_restrictions("'start_date':'2026-11-16','end_date':'2026-11-18','day_of_week':['SUNDAY']", "day_of_week",
			    "none of these days");
	refuse_restrictions("'start_time':'24:00'", "start_time", "17:30");
	refuse_restrictions("'end_time':'9:00'", "end_time", "17:30");
	refuse_restrictions("'start_date':'2026-02-29'", "start_date", "date");
	refuse_restrictions("'day_of_week':['Monday']", "day_of_week", "one of MONDAY");
	refuse_restrictions("'day_of_week':'MONDAY'", "day_of_week", "list");
	refuse_restrictions("'reservation':'BOOKING'", "reservation", "one of RESERVATION");
	refuse_restrictions("'reservation':'RESERVATION'", "reservation", "FLAT and TIME only");
	refuse_restrictions("'min_soc':20", "min_soc", "not known");
	refuse_restrictions("'max_kwh':1,'max_kwh':2", "max_kwh", "twice");
	refuse_restrictions("'min_duration':1.5", "min_duration", "whole");
}

#define WITH(restrictions, components) "{'price_components':[" components "],'restrictions':{" restrictions "}}"

Test(ocpi, refuses_what_an_earlier_element_always_beats)
{
	refuse_elements("{'price_components':[" KWH "]}," WITH("'max_kwh':5", FLAT "," KWH),
			"elements[1].price_components[1]", "elements[0] has ENERGY too");
	refuse_elements(WITH("'start_time':'22:00','end_time':'06:00'",
			     KWH) "," WITH("'start_time':'23:00','end_time':'05:30','max_kwh':9", KWH),
			"elements[1].price_components[0]", "never");
	refuse_elements(WITH("'day_of_week':['MONDAY','TUESDAY']", KWH) "," WITH("'day_of_week':['TUESDAY']", KWH),
			"elements[1].price_components[0]", "never");
	/* in part, and for other dimensions, they may overlap: the first one wins */
	struct billing_tariff t = world_tariff(
		"{'id':'1','currency':'EUR','elements':[" WITH("'max_power':16", KWH) "," WITH(
			"'max_power':32", KWH) "," WITH("'start_time':'22:00','end_time':'06:00'",
							KWH) "," WITH("'start_time':'21:00','end_time':'05:00'",
								      KWH) ",{'price_components':[" FLAT "]}]}");
	cr_assert_eq(t.n_elements, 4 + 1);
	billing_tariff_fini(&t);
}

Test(ocpi, limits_hold)
{
	struct gv_buf text = { 0 };
	struct billing_tariff t;
	struct billing_error error;
	gv_buf_puts(&text, "{\"id\":\"1\",\"currency\":\"EUR\",\"elements\":[");
	for (int i = 0; i < BILLING_ELEMENTS_MAX; i++)
		gv_buf_printf(&text,
			      "{\"price_components\":[{\"type\":\"ENERGY\",\"price\":1,\"step_size\":1}],"
			      "\"restrictions\":{\"min_kwh\":%d,\"max_kwh\":%d}},",
			      i, i + 1);
	size_t full = text.size;
	text.size--;
	gv_buf_puts(&text, "]}");
	cr_assert_eq(billing_ocpi_read((char *)text.data, text.size, &t, &error), 0, "%s", error.text);
	billing_tariff_fini(&t);
	text.size = full - 1;
	gv_buf_puts(&text, ",{\"price_components\":[{\"type\":\"ENERGY\",\"price\":1,\"step_size\":1}]}]}");
	cr_assert_eq(billing_ocpi_read((char *)text.data, text.size, &t, &error), -EINVAL);
	cr_assert_str_eq(error.field, "elements");
	while (text.size <= BILLING_OCPI_SIZE_MAX)
		gv_buf_putc(&text, ' ');
	cr_assert_eq(billing_ocpi_read((char *)text.data, text.size, &t, &error), -EINVAL);
	cr_assert(strstr(error.text, "65536"));
	gv_buf_fini(&text);
}
