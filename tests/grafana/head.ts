// The beginning of the file that test_monitoring.py writes and compiles. Below it, every panel and every part of the dashboard is a literal
// of Grafana's own type, so an unknown or a removed field is an error.
import type { Dashboard, Panel } from './node_modules/@grafana/schema/dist/types/raw/dashboard/x/types.gen';
import type * as timeseries from './node_modules/@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/types.gen';
import type * as stat from './node_modules/@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/types.gen';
import type * as table from './node_modules/@grafana/schema/dist/types/raw/composable/table/panelcfg/x/types.gen';

// JSON has the texts of enums, not their names.
type Json<T> = T extends string
  ? `${T}`
  : T extends number | boolean | null | undefined
    ? T
    : T extends Array<infer Item>
      ? Array<Json<Item>>
      : T extends object
        ? { [Key in keyof T]: Json<T[Key]> }
        : T;
type Some<T> = { [Key in keyof T]?: Some<T[Key]> };
