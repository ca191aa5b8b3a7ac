"use client";

import { CalendarSection } from "./calendar-section";
import { ExportSection } from "./export-section";
import { ImportSection } from "./import-section";

/** What leaves the application and enters it: files and the calendar. */
export function DataSections() {
  return (
    <>
      <ExportSection />
      <ImportSection />
      <CalendarSection />
    </>
  );
}
