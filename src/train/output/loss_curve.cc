#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "train/output/run_files.h"

namespace hone {
namespace {

using Points = std::vector<std::pair<double, double>>;

// Pixels.
constexpr double kWidth = 760, kHeight = 380, kLeft = 60, kRight = 20, kTop = 44, kBottom = 44;
constexpr size_t kMaxPoints = 1000;

Points Read(const std::vector<nlohmann::ordered_json>& history, const char* key) {
    Points points;
    for (const auto& row : history)
        if (row.contains(key) && row[key].is_number() && std::isfinite(row[key].get<double>()))
            points.emplace_back(row["step"].get<double>(), row[key].get<double>());
    if (points.size() <= kMaxPoints) return points;
    Points means;  // of neighbours, so that a long run stays a small file
    const size_t group = (points.size() + kMaxPoints - 1) / kMaxPoints;
    for (size_t begin = 0; begin < points.size(); begin += group) {
        const size_t end = std::min(points.size(), begin + group);
        double sum = 0;
        for (size_t i = begin; i < end; ++i) sum += points[i].second;
        means.emplace_back(points[end - 1].first, sum / static_cast<double>(end - begin));
    }
    return means;
}

// 1, 2 or 5 times a power of ten: about `count` of them cover the range.
double TickStep(double range, int count) {
    const double raw = range / count, power = std::pow(10, std::floor(std::log10(raw)));
    for (double factor : {1.0, 2.0, 5.0})
        if (raw <= factor * power) return factor * power;
    return 10 * power;
}

struct Axes {
    double first = 0, last = 1, low = 0, high = 1;
    double X(double step) const {
        return kLeft + (step - first) / (last - first) * (kWidth - kLeft - kRight);
    }
    double Y(double loss) const {
        return kHeight - kBottom - (loss - low) / (high - low) * (kHeight - kTop - kBottom);
    }
};

Axes FitAxes(const Points& train, const Points& eval) {
    Axes axes;
    bool any = false;
    for (const Points* points : {&train, &eval})
        for (const auto& [step, loss] : *points) {
            axes.low = any ? std::min(axes.low, loss) : loss;
            axes.high = any ? std::max(axes.high, loss) : loss;
            axes.last = std::max(axes.last, step);
            any = true;
        }
    const double margin = std::max(0.05 * (axes.high - axes.low), 1e-3);
    axes.low = std::max(0.0, axes.low - margin);
    axes.high += margin;
    return axes;
}

std::string Polyline(const Points& points, const Axes& axes, const char* colour,
                     const char* extra) {
    std::string text = fmt::format(
        "<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"2\"{} points=\"", colour, extra);
    for (const auto& [step, loss] : points)
        text += fmt::format("{:.1f},{:.1f} ", axes.X(step), axes.Y(loss));
    text += "\"/>\n";
    // A single evaluation makes no line: dots show it.
    if (points.size() <= 20)
        for (const auto& [step, loss] : points)
            text += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\"/>\n",
                                axes.X(step), axes.Y(loss), colour);
    return text;
}

std::string Grid(const Axes& axes) {
    std::string text;
    const double loss_step = TickStep(axes.high - axes.low, 6),
                 step_step = std::max(1.0, TickStep(axes.last - axes.first, 8));
    for (double loss = std::ceil(axes.low / loss_step) * loss_step; loss <= axes.high;
         loss += loss_step)
        text += fmt::format(
            "<line x1=\"{0}\" y1=\"{2:.1f}\" x2=\"{1}\" y2=\"{2:.1f}\" stroke=\"#ddd\"/>\n"
            "<text x=\"{3}\" y=\"{4:.1f}\" text-anchor=\"end\">{5:.4g}</text>\n",
            kLeft, kWidth - kRight, axes.Y(loss), kLeft - 8, axes.Y(loss) + 4, loss);
    for (double step = axes.first; step <= axes.last; step += step_step)
        text += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{:.0f}</text>\n",
                            axes.X(step), kHeight - kBottom + 20, step);
    return text;
}

std::string EscapedXml(const std::string& text) {
    std::string escaped;
    for (char c : text) {
        if (c == '&')
            escaped += "&amp;";
        else if (c == '<')
            escaped += "&lt;";
        else if (c == '>')
            escaped += "&gt;";
        else if (static_cast<unsigned char>(c) >= 0x20)
            escaped += c;
    }
    return escaped;
}

}  // namespace

std::string LossCurve(const std::vector<nlohmann::ordered_json>& history,
                      const std::string& title) {
    constexpr const char* kTrainColour = "#1f77b4";
    constexpr const char* kEvalColour = "#d62728";
    const Points train = Read(history, "loss"), eval = Read(history, "eval_loss");
    const Axes axes = FitAxes(train, eval);
    std::string svg = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
        "height=\"{1}\" "
        "font-family=\"sans-serif\" font-size=\"12\" fill=\"#333\">\n<rect width=\"{0}\" "
        "height=\"{1}\" fill=\"#fff\"/>\n"
        "<text x=\"{2}\" y=\"22\" font-size=\"15\">{3}</text>\n",
        kWidth, kHeight, kLeft, EscapedXml(title));
    svg += fmt::format(
        "<text x=\"{0}\" y=\"22\" text-anchor=\"end\"><tspan fill=\"{1}\">training loss</tspan>  "
        "<tspan fill=\"{2}\">evaluation loss</tspan></text>\n",
        kWidth - kRight, kTrainColour, kEvalColour);
    svg += Grid(axes);
    svg += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">step</text>\n",
                       (kLeft + kWidth - kRight) / 2, kHeight - 8);
    svg += Polyline(train, axes, kTrainColour, "");
    if (!eval.empty()) svg += Polyline(eval, axes, kEvalColour, " stroke-dasharray=\"6 3\"");
    return svg + "</svg>\n";
}

}  // namespace hone
