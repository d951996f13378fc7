//! Plots of the figures, as SVG.

use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::bench::load::Spread;
use crate::stack::StackError;

/// Height of a bar, and the space between groups, in pixels.
const BAR: u32 = 14;
const GAP: u32 = 12;
const WIDTH: u32 = 1000;
/// Space for the names of the groups.
const NAMES: u32 = 190;
/// Space above the bars: the title and the legend; and below: the axis.
const HEAD: u32 = 66;
const FOOT: u32 = 44;

/// One colour a variant, told apart by people who see colours differently (Okabe and Ito, 2008).
const COLOURS: [RGBColor; 7] = [
    RGBColor(0x99, 0x99, 0x99),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0xcc, 0x79, 0xa7),
];

/// Groups of horizontal bars.
#[derive(Debug)]
pub(crate) struct Plot {
    pub(crate) title: String,
    /// The caption of the axis.
    pub(crate) axis: &'static str,
    /// One name a bar of a group.
    pub(crate) series: Vec<&'static str>,
    /// Name and bars of each group. A bar is missing if it was not measured.
    pub(crate) groups: Vec<(&'static str, Vec<Option<Spread>>)>,
    /// A value to compare with, such as 1 for a ratio.
    pub(crate) mark: Option<f64>,
}

impl Plot {
    /// Writes it, unless it has no bars. A bar shows the median, its line the lowest and the highest round.
    pub(crate) fn write(&self, file: &Path) -> Result<(), StackError> {
        let unfit = |error: &dyn std::fmt::Display| StackError::Unfit { what: format!("{}: {error}", file.display()) };
        if self.values().next().is_none() {
            return Ok(());
        }
        let root = SVGBackend::new(file, (WIDTH, self.height())).into_drawing_area();
        self.draw(&root).map_err(|error| unfit(&error))?;
        root.present().map_err(|error| unfit(&error))
    }

    fn draw<B: DrawingBackend>(&self, root: &DrawingArea<B, Shift>) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        root.fill(&WHITE)?;
        let low = self.values().map(|spread| spread.low).fold(0.0, f64::min);
        let high = self.values().map(|spread| spread.high).chain(self.mark).fold(0.0, f64::max);
        let bars = f64::from(self.rows());
        let area = root.margin(HEAD, 0, 0, 20);
        let mut chart = ChartBuilder::on(&area)
            .x_label_area_size(FOOT)
            .y_label_area_size(NAMES)
            .build_cartesian_2d(low * 1.05..high * 1.05, bars..0.0)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .disable_y_axis()
            .x_max_light_lines(1)
            .x_desc(self.axis)
            .label_style(("sans-serif", 13))
            .draw()?;
        let mut top = 0.0;
        for (_, bars) in &self.groups {
            for (bar, colour) in bars.iter().zip(COLOURS) {
                let middle = top + 0.5;
                if let Some(Spread { low, median, high }) = bar {
                    let fill = colour.filled();
                    chart.draw_series([Rectangle::new([(0.0, top + 0.1), (*median, top + 0.9)], fill)])?;
                    chart.draw_series([PathElement::new(
                        vec![(*low, middle), (*high, middle)],
                        BLACK.stroke_width(1),
                    )])?;
                }
                top += 1.0;
            }
            top += f64::from(GAP) / f64::from(BAR);
        }
        if let Some(mark) = self.mark {
            chart.draw_series([PathElement::new(vec![(mark, 0.0), (mark, bars)], BLACK.mix(0.6).stroke_width(1))])?;
        }
        self.words(root)
    }

    /// Title, legend, names of groups.
    fn words<B: DrawingBackend>(&self, root: &DrawingArea<B, Shift>) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        root.draw(&Text::new(self.title.clone(), (20, 12), ("sans-serif", 18)))?;
        let mut x = 20;
        for (name, colour) in self.series.iter().zip(COLOURS) {
            root.draw(&Rectangle::new([(x, 40), (x + 12, 52)], colour.filled()))?;
            root.draw(&Text::new((*name).to_owned(), (x + 17, 40), ("sans-serif", 13)))?;
            x += 130;
        }
        let mut y = HEAD;
        for (name, bars) in &self.groups {
            let height = u32::try_from(bars.len()).unwrap_or_default() * BAR;
            let middle = i32::try_from(y + height / 2).unwrap_or_default() - 7;
            root.draw(&Text::new((*name).to_owned(), (20, middle), ("sans-serif", 13)))?;
            y += height + GAP;
        }
        Ok(())
    }

    fn values(&self) -> impl Iterator<Item = &Spread> {
        self.groups.iter().flat_map(|(_, bars)| bars.iter().flatten()).filter(|spread| spread.median.is_finite())
    }

    /// The height of all groups, in bars.
    fn rows(&self) -> f32 {
        let bars: usize = self.groups.iter().map(|(_, bars)| bars.len()).sum();
        let gaps = self.groups.len();
        #[allow(clippy::cast_precision_loss, reason = "small counts")]
        let (bars, gaps) = (bars as f32, gaps as f32);
        bars + gaps * (GAP as f32) / (BAR as f32)
    }

    fn height(&self) -> u32 {
        let bars: usize = self.groups.iter().map(|(_, bars)| bars.len()).sum();
        let count = |number: usize| u32::try_from(number).unwrap_or_default();
        HEAD + FOOT + count(bars) * BAR + count(self.groups.len()) * GAP
    }
}
