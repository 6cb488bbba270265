/* The line engine: controllers that are told lines of text and answer in lines. Three protocols: `line`, by the user's
   own templates, and the presets `wled` and `tasmota`. */
#ifndef SERIAL_LINE_H
#define SERIAL_LINE_H

struct protocol_ops;

extern const struct protocol_ops line_protocol, line_wled_protocol, line_tasmota_protocol;

#endif
